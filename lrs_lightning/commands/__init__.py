"""The verbs of the command line: one file each, with `main(verb, arguments) -> exit code`.

A verb is a typed function: its signature gives the options, its docstring the help. What is heavy
is imported in it, so that `VERB --help` needs no torch.
"""

PROGRAM = "python -m lrs_lightning"

# verb -> (module that has `main(verb, arguments) -> exit code`, one line for --help)
VERBS: dict[str, tuple[str, str]] = {
    "fit": ("fit", "train a policy on demonstrations, then test it in shifted worlds"),
    "sweep": ("sweep", "a grid of policies and seeds, trained side by side, as one table"),
    "validate": ("fit", "loss on the held-out episodes, and closed-loop return"),
    "test": ("fit", "closed-loop return of a checkpoint under the whole suite"),
    "predict": ("fit", "actions of a checkpoint for the windows of the held-out episodes"),
    "collect": ("collect", "roll an expert out and store what it saw and did"),
    "import": ("import_", "turn somebody else's demonstrations into a store"),
    "data": ("data", "what a store of demonstrations holds, and what looks wrong about it"),
    "expert": ("expert", "train the expert of a task, or score one"),
    "evaluate": ("evaluate", "closed-loop return of any policies under a suite of shifts"),
    "calibrate": ("calibrate", "strengths of shifts at which a policy keeps given shares"),
    "analyze": ("analyze", "why a policy holds up: Jacobians, memory, gates, trajectories"),
    "export": ("export", "a trained policy as ONNX, PyTorch program or NumPy, with its card"),
    "report": ("report", "one HTML page from run folders"),
    "completion": ("completion", "a script that lets the tab key of bash and zsh complete"),
    "info": ("info", "versions, device, kernels, experts and shifts at hand"),
}
