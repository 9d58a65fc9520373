"""Recurrent layers over whole sequences, in float32."""

import mlx.nn as nn
from layer_case import Cases

INPUT, HIDDEN = 5, 4
# A sequence that is alone, and a batch of two.
FORMS = {"single": (), "batch": (2,)}
NONLINEARITIES = {"tanh": None, "relu": nn.relu}


def main():
    cases = Cases("recurrent", 6100)
    for form, batch in FORMS.items():
        for states in ((), ("hidden",)):
            add(cases, nn.RNN, form, batch, states, nonlinearity="tanh")
            add(cases, nn.GRU, form, batch, states)
        for states in ((), ("hidden",), ("cell",), ("hidden", "cell")):
            add(cases, nn.LSTM, form, batch, states)
    add(cases, nn.RNN, "relu", (2,), ("hidden",), nonlinearity="relu")
    for layer, states in ((nn.RNN, ("hidden",)), (nn.GRU, ("hidden",)), (nn.LSTM, ("hidden", "cell"))):
        changes = {"nonlinearity": "tanh"} if layer is nn.RNN else {}
        add(cases, layer, "no-bias", (3,), states, bias=False, **changes)
        add(cases, layer, "one-step", (2,), (), length=1, **changes)
    cases.write()


def add(cases, layer, form, batch, states, bias=True, length=6, **changes):
    arguments = {key: NONLINEARITIES[value] for key, value in changes.items()}
    built = layer(INPUT, HIDDEN, bias=bias, **arguments)
    inputs = [cases.normal(*batch, length, INPUT)] + [cases.normal(*batch, HIDDEN) for _ in states]
    name = "-".join([layer.__name__.lower(), form, *states])

    def call(built, x, *given):
        return built(x, **dict(zip(states, given)))

    cases.add(name, built, inputs, call, bias=bias, states=list(states), **changes)


if __name__ == "__main__":
    main()
