"""The checklist of what one should be able to explain, and where each item is learned.

docs/coverage.md shows the same rows, and tests/test_coverage.py holds the two together.
"""

from __future__ import annotations

from orchestrator_kit.catalogue import N_
from orchestrator_kit.questions.chapter import Chapter, Item

CHECKLIST = (
    Chapter(
        N_("The core difference to parallelization by code"),
        "Checklist 1: the core difference",
        (
            Item(
                "split",
                N_("a model splits, or code does"),
                N_(
                    "Who decides how a task is split: what can a model do there that a rule "
                    "cannot, and what does it cost?"
                ),
                (
                    ("03_parallelization", "What a rule cannot do: read the question"),
                    ("03_parallelization", "When to use it, and when not"),
                ),
            ),
        ),
    ),
    Chapter(
        N_("What an orchestrator has to do: five hats"),
        "Checklist 2: the orchestrator's hats",
        (
            Item(
                "planner",
                N_("strategic planner"),
                N_("What does an orchestrator know when it plans, and what does it not know yet?"),
                (
                    ("05_orchestrator_worker", "The plan is made for the task"),
                    ("05_orchestrator_worker", "Words"),
                ),
            ),
            Item(
                "decomposer",
                N_("task decomposer"),
                N_(
                    "When is a subtask cut well? Could you tell a good plan from a bad one before"
                    " it runs?"
                ),
                (
                    ("05_orchestrator_worker", "`plan_graph`: another task, another plan"),
                    ("01_primitives", "What an orchestrator is responsible for"),
                ),
            ),
            Item(
                "resources",
                N_("resource manager"),
                N_("By what would you choose which workers to call, and how many at a time?"),
                (("05_orchestrator_worker", "Predict: how many workers will it take?"),),
            ),
            Item(
                "quality",
                N_("quality controller"),
                N_("How does the centre notice that a report is poor, and what may it do then?"),
                (
                    (
                        "05_orchestrator_worker",
                        "Review in rounds: what does asking for better bring?",
                    ),
                ),
            ),
            Item(
                "coordinator",
                N_("coordinator"),
                N_("How does what one worker found get to another who needs it?"),
                (
                    (
                        "05_orchestrator_worker",
                        "Dependencies: a collaborator, through the orchestrator",
                    ),
                    ("05_orchestrator_worker", "Conflicts: settled, or declared"),
                ),
            ),
        ),
    ),
    Chapter(
        N_("What a worker has to do: four hats"),
        "Checklist 2: the workers' hats",
        (
            Item(
                "specialist",
                N_("specialist"),
                N_(
                    "What makes a worker a specialist: the model, the prompt, or what it is given"
                    " to read?"
                ),
                (
                    ("05_orchestrator_worker", "Words"),
                    ("04_master_slave", "Is it the shard that helps, or the expertise?"),
                ),
            ),
            Item(
                "executor",
                N_("task executor"),
                N_("What does a worker deliberately not know?"),
                (("05_orchestrator_worker", "Dispatch, step by step"),),
            ),
            Item(
                "reporter",
                N_("reporter"),
                N_("What must stand in a report, so that somebody else can build on it?"),
                (("01_primitives", "A worker by hand, and a record"),),
            ),
            Item(
                "collaborator",
                N_("collaborator, through the centre"),
                N_("Why do workers not simply talk to each other?"),
                (
                    (
                        "05_orchestrator_worker",
                        "Dependencies: a collaborator, through the orchestrator",
                    ),
                ),
            ),
        ),
    ),
    Chapter(
        N_("What the pattern is good at"),
        "Checklist 3: advantages",
        (
            Item(
                "scaling",
                N_("as many workers as the task needs"),
                N_(
                    "Can you show in a run that a larger task gets a larger team, without a "
                    "setting being changed?"
                ),
                (
                    (
                        "05_orchestrator_worker",
                        "Intelligence-driven scaling: more for the complex, fewer for the simple",
                    ),
                ),
            ),
            Item(
                "expertise",
                N_("workers made for a field"),
                N_("When does a specialist find more than a generalist, and when not?"),
                (
                    ("05_orchestrator_worker", "The advantages, each with its run"),
                    ("12_your_own_prompts_and_models", "A model for a role, or for one specialist"),
                ),
            ),
            Item(
                "recovery",
                N_("lost work is given to another"),
                N_("A worker is gone. Step by step: what happens to its subtask?"),
                (
                    ("05_orchestrator_worker", "A worker fails: replaced, or missed"),
                    ("08_failures_and_recovery", "Reassign: a subtask is not a person"),
                ),
            ),
            Item(
                "review",
                N_("reports are judged and improved"),
                N_("What does a round of review bring, and what does it take?"),
                (
                    (
                        "05_orchestrator_worker",
                        "Review in rounds: what does asking for better bring?",
                    ),
                ),
            ),
            Item(
                "context",
                N_("what a task means, not only its shape"),
                N_(
                    "Can you name a task that code would split wrongly, because one has to "
                    "understand it?"
                ),
                (
                    ("05_orchestrator_worker", "The advantages, each with its run"),
                    ("03_parallelization", "What a rule cannot do: read the question"),
                ),
            ),
        ),
    ),
    Chapter(
        N_("What the pattern has trouble with"),
        "Checklist 3: challenges",
        (
            Item(
                "overhead",
                N_("messages back and forth take time"),
                N_(
                    "Which share of a run is coordination: could you measure it, in tokens and in"
                    " seconds?"
                ),
                (
                    ("05_orchestrator_worker", "Predict: what is the share of coordination?"),
                    ("06_peer_agents", "`figures.messages`: a mesh"),
                ),
            ),
            Item(
                "single-point",
                N_("no centre, no answer"),
                N_(
                    "What is left of a run when the orchestrator is gone, and what can be done "
                    "about it?"
                ),
                (
                    ("05_orchestrator_worker", "The centre fails"),
                    ("08_failures_and_recovery", "Kill the orchestrator"),
                ),
            ),
            Item(
                "budgets",
                N_("budgets of tokens"),
                N_("Where in the pattern do tokens pile up, and which limit is reached first?"),
                (
                    ("09_budgets_context_synthesis", "A budget in tokens: what is refused?"),
                    ("09_budgets_context_synthesis", "`figures.contexts`: how full each call is"),
                ),
            ),
            Item(
                "consistency",
                N_("workers who do not agree"),
                N_(
                    "Two reports contradict each other. Who could notice, and what should the "
                    "answer say?"
                ),
                (
                    ("05_orchestrator_worker", "Conflicts: settled, or declared"),
                    ("09_budgets_context_synthesis", "Consistency: conflicts declared, or found"),
                ),
            ),
            Item(
                "debugging",
                N_("an error among many calls"),
                N_(
                    "There is a false sentence in the answer. How do you find out where it came "
                    "from?"
                ),
                (("11_debugging_a_run", "`explain`: from a sentence to its passage"),),
            ),
        ),
    ),
    Chapter(
        N_("How it differs from its relatives"),
        "Checklist 4: relatives",
        (
            Item(
                "pipeline",
                N_("pipeline: a line instead of a hub with spokes"),
                N_(
                    "Could you draw a pipeline and a hub side by side, and say which task wants "
                    "which?"
                ),
                (
                    ("02_pipeline", "The chain by hand: A → B → C"),
                    ("02_pipeline", "Beside the orchestrator-worker pattern"),
                ),
            ),
            Item(
                "master-slave",
                N_("master and slaves: replication instead of specialization"),
                N_(
                    "Same work on other data, or other work: what changes, and when is it worth it?"
                ),
                (
                    ("04_master_slave", "One instruction, many data: is it true?"),
                    ("04_master_slave", "Replication or specialization: what does a task reward?"),
                ),
            ),
            Item(
                "agents",
                N_("pure agents: autonomous instead of directed"),
                N_("Nobody is in charge. What becomes easier, and what becomes dearer?"),
                (
                    ("06_peer_agents", "The negotiation, post by post"),
                    ("06_peer_agents", "Peers or hub: the same task, side by side"),
                ),
            ),
        ),
    ),
    Chapter(
        N_("Why it is a bridge between workflow and agents"),
        "Checklist 5: the bridge",
        (
            Item(
                "sequence",
                N_("like a workflow: a clear split and sequence"),
                N_("Which stages does every run go through, whatever the model decides?"),
                (
                    ("06_peer_agents", "The bridge"),
                    ("06_peer_agents", "The evidence, for each side"),
                ),
            ),
            Item(
                "foreseeable",
                N_("like a workflow: coordination that can be foreseen"),
                N_("What of a run can you say before it begins, and how surely?"),
                (("06_peer_agents", "Predictability"),),
            ),
            Item(
                "roles",
                N_("like a workflow: defined roles"),
                N_("Who may do what: is that laid down, or does it come about?"),
                (("06_peer_agents", "The bridge"),),
            ),
            Item(
                "integration",
                N_("like a workflow: results integrated by rule"),
                N_("By which rule do many reports become one answer?"),
                (
                    ("06_peer_agents", "The bridge"),
                    ("06_peer_agents", "The evidence, for each side"),
                ),
            ),
            Item(
                "decisions",
                N_("like an agent: decisions at each node"),
                N_("Which decisions within the frame does a model make?"),
                (("06_peer_agents", "Each switch alone"),),
            ),
            Item(
                "adaptive",
                N_("like an agent: a strategy that adapts"),
                N_("Can you show a strategy that changed because the material did?"),
                (
                    ("06_peer_agents", "The dial: none, some, all"),
                    ("05_orchestrator_worker", "`plan_graph`: another task, another plan"),
                ),
            ),
            Item(
                "allocation",
                N_("like an agent: resources given out as needed"),
                N_("How does the number of workers come about, and who may change it?"),
                (
                    ("05_orchestrator_worker", "Predict: how many workers will it take?"),
                    ("06_peer_agents", "Each switch alone"),
                ),
            ),
            Item(
                "autonomy",
                N_("like an agent: each solves its part alone"),
                N_("What does a worker decide by itself, without asking anybody?"),
                (("06_peer_agents", "The bridge"),),
            ),
            Item(
                "structured",
                N_("structured autonomy: a frame, and freedom inside of it"),
                N_(
                    "Could you explain “structured autonomy” to a colleague, with one example of "
                    "each word?"
                ),
                (
                    ("06_peer_agents", "The dial: none, some, all"),
                    ("06_peer_agents", "The classification debate"),
                ),
            ),
        ),
    ),
    Chapter(
        N_("Where it would be of use"),
        "Checklist 6: real cases",
        (
            Item(
                "research",
                N_("research synthesis"),
                N_(
                    "A synthesis of many studies: who would be on the roster, and what would go "
                    "wrong first?"
                ),
                (("20_scenarios", "Research synthesis: sources of equal rank"),),
            ),
            Item(
                "legal",
                N_("legal analysis"),
                N_(
                    "A contract to be judged from several sides: what do the specialists need "
                    "from each other?"
                ),
                (("20_scenarios", "Legal analysis: one hub, five spokes"),),
            ),
            Item(
                "software",
                N_("software architecture"),
                N_("A design in which one choice limits the next: what does that do to the plan?"),
                (("20_scenarios", "Software architecture: a chain"),),
            ),
            Item(
                "medical",
                N_("support of a diagnosis (fictional)"),
                N_(
                    "A long, fictional patient record: why does it help to cut it, and what must "
                    "not be cut?"
                ),
                (("20_scenarios", "Medical diagnosis support: one long record"),),
            ),
            Item(
                "marketing",
                N_("a marketing campaign"),
                N_("Many small pieces of work: is a team needed at all?"),
                (("20_scenarios", "A marketing campaign: many small pieces"),),
            ),
        ),
    ),
)
