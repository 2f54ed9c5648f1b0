"""Learn, test and measure the orchestrator-worker pattern of LLM systems."""
