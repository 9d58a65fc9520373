"""A tiny random Kokoro in PyTorch with what it says, and how long the real one speaks, by its ONNX export.

The modules are those of the published model, with their names, so that their state is a checkpoint.
"""

import collections
import json
import pathlib

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import weight_norm
from transformers import AlbertConfig, AlbertModel

ROOT = pathlib.Path(__file__).resolve().parents[2]
ASSETS = ROOT / "assets"
FOLDER = ROOT / "crates" / "mlx-audio" / "tests" / "golden" / "kokoro"
RATE = 24000
WIDE, BESIDE = 12, 3
SYMBOLS = "abdefhkl ,.o"
CONFIG = {
    "hidden_dim": 8,
    "style_dim": 4,
    "n_layer": 2,
    "n_token": 14,
    "max_dur": 6,
    "text_encoder_kernel_size": 3,
    "plbert": {
        "embedding_size": 6,
        "hidden_size": 12,
        "num_attention_heads": 2,
        "intermediate_size": 10,
        "max_position_embeddings": 20,
        "num_hidden_layers": 3,
    },
    "istftnet": {
        "upsample_kernel_sizes": [5, 4],
        "upsample_rates": [3, 2],
        "gen_istft_hop_size": 2,
        "gen_istft_n_fft": 8,
        "resblock_dilation_sizes": [[1, 3, 5], [1, 2, 3]],
        "resblock_kernel_sizes": [3, 5],
        "upsample_initial_channel": 8,
    },
    "vocab": {symbol: at + 2 for at, symbol in enumerate(SYMBOLS)},
}
HIDDEN, STYLE = CONFIG["hidden_dim"], CONFIG["style_dim"]
TEXTS = [("a", 1.0), ("ab, de.", 1.0), ("hello", 0.7), ("fab de lha. kebab", 1.4)]


def conv(*sizes, **how):
    return weight_norm(nn.Conv1d(*sizes, **how))


class AdaIN(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.norm = nn.InstanceNorm1d(channels)
        self.fc = nn.Linear(STYLE, 2 * channels)

    def forward(self, x, style):
        gamma, beta = self.fc(style)[:, :, None].chunk(2, dim=1)
        return (1 + gamma) * self.norm(x) + beta


class AdaLayerNorm(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(STYLE, 2 * HIDDEN)

    def forward(self, x, style):
        gamma, beta = self.fc(style)[:, None].chunk(2, dim=-1)
        return (1 + gamma) * F.layer_norm(x, [HIDDEN]) + beta


class Block(nn.Module):
    def __init__(self, inputs, outputs, doubles=False):
        super().__init__()
        self.doubles = doubles
        self.conv1, self.conv2 = conv(inputs, outputs, 3, padding=1), conv(outputs, outputs, 3, padding=1)
        self.norm1, self.norm2 = AdaIN(inputs), AdaIN(outputs)
        if inputs != outputs:
            self.conv1x1 = conv(inputs, outputs, 1, bias=False)
        if doubles:
            how = {"stride": 2, "groups": inputs, "padding": 1, "output_padding": 1}
            self.pool = weight_norm(nn.ConvTranspose1d(inputs, inputs, 3, **how))

    def forward(self, x, style):
        y = F.leaky_relu(self.norm1(x, style), 0.2)
        if self.doubles:
            x, y = F.interpolate(x, scale_factor=2, mode="nearest"), self.pool(y)
        y = self.conv2(F.leaky_relu(self.norm2(self.conv1(y), style), 0.2))
        return (y + (self.conv1x1(x) if hasattr(self, "conv1x1") else x)) / 2**0.5


class ChannelNorm(nn.Module):
    def __init__(self):
        super().__init__()
        self.gamma, self.beta = nn.Parameter(torch.ones(HIDDEN)), nn.Parameter(torch.zeros(HIDDEN))

    def forward(self, x):
        return F.layer_norm(x.mT, [HIDDEN], self.gamma, self.beta).mT


def both_ways(inputs):
    return nn.LSTM(inputs, HIDDEN // 2, batch_first=True, bidirectional=True)


class TextEncoder(nn.Module):
    def __init__(self):
        super().__init__()
        width = CONFIG["text_encoder_kernel_size"]
        self.embedding = nn.Embedding(CONFIG["n_token"], HIDDEN)
        steps = range(CONFIG["n_layer"])
        self.cnn = nn.ModuleList(
            nn.Sequential(conv(HIDDEN, HIDDEN, width, padding=width // 2), ChannelNorm(), nn.LeakyReLU(0.2)) for _ in steps
        )
        self.lstm = both_ways(HIDDEN)

    def forward(self, ids):
        x = self.embedding(ids).mT
        for step in self.cnn:
            x = step(x)
        return self.lstm(x.mT)[0].mT


class DurationEncoder(nn.Module):
    def __init__(self):
        super().__init__()
        steps = [step for _ in range(CONFIG["n_layer"]) for step in (both_ways(HIDDEN + STYLE), AdaLayerNorm())]
        self.lstms = nn.ModuleList(steps)

    def forward(self, x, style):
        beside = style[:, None].expand(-1, x.shape[1], -1)
        x = torch.cat([x, beside], -1)
        for step in self.lstms:
            x = torch.cat([step(x, style), beside], -1) if isinstance(step, AdaLayerNorm) else step(x)[0]
        return x


class Projection(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear_layer = nn.Linear(HIDDEN, CONFIG["max_dur"])

    def forward(self, x):
        return self.linear_layer(x)


class Predictor(nn.Module):
    def __init__(self):
        super().__init__()
        half = HIDDEN // 2
        self.text_encoder = DurationEncoder()
        self.lstm, self.shared = both_ways(HIDDEN + STYLE), both_ways(HIDDEN + STYLE)
        self.duration_proj = Projection()
        blocks = lambda: nn.ModuleList([Block(HIDDEN, HIDDEN), Block(HIDDEN, half, True), Block(half, half)])
        self.F0, self.N = blocks(), blocks()
        self.F0_proj, self.N_proj = nn.Conv1d(half, 1, 1), nn.Conv1d(half, 1, 1)

    def curves(self, x, style):
        shared = self.shared(x)[0].mT
        f0 = n = shared
        for first, second in zip(self.F0, self.N):
            f0, n = first(f0, style), second(n, style)
        return self.F0_proj(f0)[:, 0], self.N_proj(n)[:, 0]


class Waves(nn.Module):
    """Two convolutions for each dilation, with a periodic activation before each."""

    def __init__(self, channels, width, dilations):
        super().__init__()
        same = lambda dilation: conv(channels, channels, width, dilation=dilation, padding=(width - 1) * dilation // 2)
        self.convs1 = nn.ModuleList(same(dilation) for dilation in dilations)
        self.convs2 = nn.ModuleList(same(1) for _ in dilations)
        self.adain1 = nn.ModuleList(AdaIN(channels) for _ in dilations)
        self.adain2 = nn.ModuleList(AdaIN(channels) for _ in dilations)
        alphas = lambda: nn.ParameterList(nn.Parameter(torch.ones(1, channels, 1)) for _ in dilations)
        self.alpha1, self.alpha2 = alphas(), alphas()

    def forward(self, x, style):
        for at in range(3):
            y = x
            for norm, alpha, layer in ((self.adain1, self.alpha1, self.convs1), (self.adain2, self.alpha2, self.convs2)):
                y = norm[at](y, style)
                y = layer[at](y + torch.sin(alpha[at] * y) ** 2 / alpha[at])
            x = x + y
        return x


class Source(nn.Module):
    def __init__(self):
        super().__init__()
        self.l_linear = nn.Linear(9, 1)

    def forward(self, f0, noise, samples):
        # In double precision: sums of phases in single precision are off by as much as some waves are loud.
        f0, noise = f0[:, :, None].double(), noise.double()
        turns = (f0 * torch.arange(1, 10) / RATE) % 1
        first = torch.rand(1, 9, dtype=torch.float64)
        first[:, 0] = 0
        turns[:, 0] += first
        turns = F.interpolate(turns.mT, scale_factor=1 / samples, mode="linear").mT
        phase = torch.cumsum(turns, 1) * 2 * torch.pi
        phase = F.interpolate(phase.mT * samples, scale_factor=samples, mode="linear").mT
        voiced = (f0 > 10).float()
        waves = torch.sin(phase) * 0.1 * voiced + noise * (voiced * 0.003 + (1 - voiced) * 0.1 / 3)
        return torch.tanh(self.l_linear(waves.float()))[:, :, 0]


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        c = CONFIG["istftnet"]
        self.rates, self.size, self.hop = c["upsample_rates"], c["gen_istft_n_fft"], c["gen_istft_hop_size"]
        self.m_source = Source()
        self.ups, self.noise_convs, self.noise_res, self.resblocks = (nn.ModuleList() for _ in range(4))
        for at, (rate, width) in enumerate(zip(self.rates, c["upsample_kernel_sizes"])):
            channels = c["upsample_initial_channel"] // 2 ** (at + 1)
            up = nn.ConvTranspose1d(2 * channels, channels, width, rate, padding=(width - rate) // 2)
            self.ups.append(weight_norm(up))
            step = int(np.prod(self.rates[at + 1 :]))
            last = at + 1 == len(self.rates)
            how = {"kernel_size": 1} if last else {"kernel_size": 2 * step, "stride": step, "padding": (step + 1) // 2}
            self.noise_convs.append(nn.Conv1d(self.size + 2, channels, **how))
            self.noise_res.append(Waves(channels, 11 if last else 7, [1, 3, 5]))
            for width, dilations in zip(c["resblock_kernel_sizes"], c["resblock_dilation_sizes"]):
                self.resblocks.append(Waves(channels, width, dilations))
        self.conv_post = conv(channels, self.size + 2, 7, padding=3)

    def forward(self, x, style, f0, noise):
        samples = int(np.prod(self.rates)) * self.hop
        window = torch.hann_window(self.size, periodic=True)
        source = self.m_source(F.interpolate(f0[:, None], scale_factor=samples)[:, 0], noise, samples)
        spectrum = torch.stft(source, self.size, self.hop, self.size, window=window, return_complex=True)
        # The first frame is its own mirror image: whether it is turned by half a turn or by minus that is rounding.
        spectrum.imag[:, :, 0] = 0
        spectrum = torch.cat([spectrum.abs(), spectrum.angle()], 1)
        count = len(self.resblocks) // len(self.ups)
        for at, up in enumerate(self.ups):
            x = up(F.leaky_relu(x, 0.1))
            if at + 1 == len(self.ups):
                x = F.pad(x, (1, 0), mode="reflect")
            x = x + self.noise_res[at](self.noise_convs[at](spectrum), style)
            x = sum(block(x, style) for block in self.resblocks[at * count : (at + 1) * count]) / count
        x = self.conv_post(F.leaky_relu(x))
        bins = self.size // 2 + 1
        spectrum = torch.exp(x[:, :bins]) * torch.exp(torch.sin(x[:, bins:]) * 1j)
        return torch.istft(spectrum, self.size, self.hop, self.size, window=window)


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        half = lambda: conv(1, 1, 3, stride=2, padding=1)
        self.F0_conv, self.N_conv = half(), half()
        self.asr_res = nn.Sequential(conv(HIDDEN, BESIDE, 1))
        self.encode = Block(HIDDEN + 2, WIDE)
        inputs, last = WIDE + BESIDE + 2, CONFIG["istftnet"]["upsample_initial_channel"]
        self.decode = nn.ModuleList([Block(inputs, WIDE) for _ in range(3)] + [Block(inputs, last, True)])
        self.generator = Generator()

    def forward(self, text, f0, n, style, noise):
        height, loudness = self.F0_conv(f0[:, None]), self.N_conv(n[:, None])
        x = self.encode(torch.cat([text, height, loudness], 1), style)
        for block in self.decode:
            x = block(torch.cat([x, self.asr_res(text), height, loudness], 1), style)
        return self.generator(x, style, f0, noise)


class Kokoro(nn.Module):
    def __init__(self):
        super().__init__()
        self.bert = AlbertModel(AlbertConfig(vocab_size=CONFIG["n_token"], **CONFIG["plbert"]))
        self.bert_encoder = nn.Linear(CONFIG["plbert"]["hidden_size"], HIDDEN)
        self.predictor, self.text_encoder, self.decoder = Predictor(), TextEncoder(), Decoder()

    def forward(self, text, voice, speed, scale):
        ids = torch.tensor([[0, *(CONFIG["vocab"][symbol] for symbol in text), 0]])
        style = voice[len(text) - 1]
        sound, manner = style[:, :STYLE], style[:, STYLE:]
        encoded = self.bert_encoder(self.bert(ids).last_hidden_state)
        encoded = self.predictor.text_encoder(encoded, manner)
        lengths = torch.sigmoid(self.predictor.duration_proj(self.predictor.lstm(encoded)[0])).sum(-1)[0] / speed
        assert ((lengths % 1) - 0.5).abs().min() > 1e-3, "a length is halfway"
        durations = lengths.round().clamp(min=1).long()
        in_time = lambda x: x.repeat_interleave(durations, dim=1)
        f0, n = self.predictor.curves(in_time(encoded), manner)
        audio = self.decoder(in_time(self.text_encoder(ids).mT).mT, f0, n, sound, scale * noise(f0.shape[1]))
        return durations.int(), f0[0], n[0], audio[0]


def noise(halves):
    """Numbers between -1 and 1 that look drawn."""
    samples = halves * int(np.prod(CONFIG["istftnet"]["upsample_rates"])) * CONFIG["istftnet"]["gen_istft_hop_size"]
    t, k = np.arange(samples)[:, None], np.arange(9)[None]
    return torch.tensor(((np.sin(t * 12.9898 + k * 78.233) * 43758.5453) % 1 * 2 - 1).astype(np.float32))


def shake(model):
    generator = torch.Generator().manual_seed(11)
    for name, value in model.named_parameters():
        draw = torch.randn(value.shape, generator=generator)
        if name.endswith("weight_g"):
            draw = 0.8 + 0.3 * draw.abs()
        elif "alpha" in name or name.endswith(("gamma", "orm.weight", "layer_norm.weight")):
            draw = 1 + 0.3 * draw.clamp(-2, 2)
        elif value.ndim == 1:
            draw = 0.3 * draw
        else:
            draw = 0.5 * draw
        if name.startswith("predictor.F0_proj"):
            draw = draw * 150 + (120 if value.ndim == 1 else 0)
        if "duration_proj" in name or name.startswith(("bert_encoder", "predictor.lstm")):
            draw = draw * 5
        if "conv_post" in name:
            draw = draw * 0.1
        if name.startswith("decoder.F0_conv"):
            draw = draw * 0.02
        value.data = draw.half().float()


def tiny():
    model = Kokoro().eval()
    shake(model)
    voice = torch.randn(18, 1, 2 * STYLE, generator=torch.Generator().manual_seed(16))
    expected = {}
    for at, (text, speed) in enumerate(TEXTS):
        for scale in (1.0, 0.5):
            with torch.no_grad():
                durations, f0, energy, audio = model(text, voice, speed, scale)
            expected[f"audio.{at}.{scale}"] = audio.contiguous()
        expected |= {f"durations.{at}": durations, f"f0.{at}": f0.contiguous(), f"energy.{at}": energy.contiguous()}
        print(text, durations.tolist(), f0.min().item(), f0.max().item(), audio.abs().max().item())
    (FOLDER / "voices").mkdir(parents=True, exist_ok=True)
    state = {name: value.half().contiguous() for name, value in model.state_dict().items() if "position_ids" not in name}
    save_file(state, FOLDER / "model.safetensors", metadata={"format": "pt"})
    save_file(expected, FOLDER / "expected.safetensors")
    save_file({"voice": voice}, FOLDER / "voices" / "af_one.safetensors")
    torch.save(voice.flip(0).contiguous(), FOLDER / "voices" / "bf_two.pt")
    # As hexgrad's weights are: dictionaries of states that were trained on several devices.
    norm = {"module.norm.weight": torch.arange(3.0), "module.norm.bias": torch.arange(4.0)[1:3]}
    torch.save({"bert": collections.OrderedDict(norm), "decoder": {"a": torch.ones(2, 1)}}, FOLDER / "nested.pth")
    (FOLDER / "config.json").write_text(json.dumps(CONFIG, ensure_ascii=False, indent=1) + "\n")
    cases = [{"text": text, "speed": speed} for text, speed in TEXTS]
    (FOLDER / "texts.json").write_text(json.dumps(cases) + "\n")


def real():
    """How many samples the real model makes: its integers are not quite our floats."""
    import onnxruntime

    folder = ASSETS / "kokoro"
    session = onnxruntime.InferenceSession(folder / "kokoro-v1.0.int8.onnx", providers=["CPUExecutionProvider"])
    print([(one.name, one.shape, one.type) for one in session.get_inputs()], [one.name for one in session.get_outputs()])
    vocab = json.loads((folder / "vocab.json").read_text())["vocab"]
    voice = np.load(folder / "voices_ja.npz")["jf_alpha"]
    lengths = []
    for phonemes in [
        "həlˈO wˈɜɹld, ðɪs ɪz ɐ tˈɛst ʌv spˈiʧ sˈɪnθəsɪs.",
        "ðə kwˈɪk bɹˈWn fˈɑks ʤˈʌmps ˈOvəɹ ðə lˈAzi dˈɔɡ.",
    ]:
        ids = [vocab[phoneme] for phoneme in phonemes]
        names = [one.name for one in session.get_inputs()]
        given = {names[0]: np.array([[0, *ids, 0]]), names[1]: voice[len(ids) - 1], names[2]: np.ones(1, np.float32)}
        lengths.append({"phonemes": phonemes, "samples": int(session.run(None, given)[0].size)})
    (FOLDER / "lengths.json").write_text(json.dumps(lengths, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    torch.manual_seed(0)
    tiny()
    real()
