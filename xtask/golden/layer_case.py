"""Cases of layers: what one makes of its inputs, and the gradients by a random cotangent."""

import mlx.core as mx
import numpy as np
from fixture import golden, to_numpy, write_json, write_tensors
from mlx.utils import tree_flatten, tree_unflatten


class Cases:
    """The cases of a topic. Tensors are `<case>/<kind>/<name>`, kinds `parameter`, `input`, `output`,
    `cotangent`, `gradient/parameter` and `gradient/input`."""

    def __init__(self, topic, seed):
        self.topic = topic
        self.random = np.random.RandomState(seed)
        self.tensors, self.cases = {}, []

    def normal(self, *shape, scale=1.0):
        return (scale * self.random.standard_normal(shape)).astype(np.float32)

    def draw(self, layer, scale=0.5):
        """Gives every parameter of a layer values of a normal distribution."""
        drawn = [(path, mx.array(self.normal(*a.shape, scale=scale))) for path, a in flat(layer)]
        layer.update(tree_unflatten(drawn))

    def add(self, name, layer, inputs, call=None, drawn=False, **settings):
        """Adds a case; `call` takes the layer and the inputs, and is the layer itself if absent."""
        assert all(case["name"] != name for case in self.cases), name
        if not drawn:
            self.draw(layer)
        inputs = [mx.array(x) for x in inputs]
        parameters = dict(flat(layer))
        outputs, gradients = self.differentiate(layer, parameters, inputs, call or type(layer).__call__)
        groups = {"parameter": parameters, "input": dict(enumerate(inputs)), **outputs, **gradients}
        for kind, arrays in groups.items():
            self.tensors.update({f"{name}/{kind}/{key}": to_numpy(array) for key, array in arrays.items()})
        self.cases.append({"name": name, "layer": type(layer).__name__, **settings})

    def differentiate(self, layer, parameters, inputs, call):
        paths = [path for path, array in parameters.items() if is_float(array)]
        places = [at for at, array in enumerate(inputs) if is_float(array)]

        def run(*primals):
            layer.update(tree_unflatten(list(zip(paths, primals))))
            given = list(inputs)
            for at, primal in zip(places, primals[len(paths) :]):
                given[at] = primal
            outputs = call(layer, *given)
            return list(outputs) if isinstance(outputs, (tuple, list)) else [outputs]

        primals = [parameters[path] for path in paths] + [inputs[at] for at in places]
        cotangents = [mx.array(self.normal(*output.shape)) for output in run(*primals)]
        outputs, gradients = mx.vjp(run, primals, cotangents)
        layer.update(tree_unflatten(list(parameters.items())))
        return (
            {"output": dict(enumerate(outputs)), "cotangent": dict(enumerate(cotangents))},
            {
                "gradient/parameter": dict(zip(paths, gradients)),
                "gradient/input": dict(zip(places, gradients[len(paths) :])),
            },
        )

    def write(self):
        folder = golden("mlx-nn")
        write_tensors(folder / f"{self.topic}.safetensors", self.tensors)
        write_json(folder / f"{self.topic}.json", {"cases": self.cases})
        print(f"{self.topic}: {len(self.cases)} cases")


def flat(layer):
    return tree_flatten(layer.parameters())


def is_float(array):
    return mx.issubdtype(array.dtype, mx.floating)
