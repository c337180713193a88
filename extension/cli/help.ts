import { writableSchemeIds } from '../quantize/scheme';

export const commandNames = ['inspect', 'check', 'quantize', 'compare', 'targets', 'runtimes'] as const;

export type CommandName = (typeof commandNames)[number];

const shared = `  -t, --target ID       hold the model against this chip or board (see thimble targets), or one that thimble.targets.json defines
      --external-ram    count the board's external RAM as RAM
      --dim KEY=N       size of a symbolic dimension: its name, or INPUT[AXIS]; may be repeated
  -r, --runtime ID      flash and RAM as this runtime needs them (see thimble runtimes)
  -p, --precision ID    on that runtime: as-in-file (default), float16, int8, int8-weights
      --keep-float-io   keep float32 graph inputs and outputs around integer operators
      --reserve-flash SIZE, --reserve-ram SIZE
                        what the application keeps for itself, such as 64K
`;

const help: Readonly<Record<CommandName, string>> = {
  inspect: `usage: thimble inspect MODEL... [options]

What each layer of an ONNX model costs: parameters, weights, MACs, live bytes; the totals and the peak. With --target, what its accelerator
takes of the model; with --runtime too, how long an inference takes, estimated from published latencies.

${shared}      --json            one JSON document; an array for several models
      --jsonl           one JSON document a line
      --tensors         in JSON, every value with its type and shape too
      --csv             the layers as comma-separated values
      --markdown        the layers as a Markdown table

Exit: 0 done, 2 a file cannot be read.
`,
  check: `usage: thimble check MODEL... [--target ID]... [--max-flash SIZE] [--max-ram SIZE] [options]

Does it fit? Constants against flash, peak of activations against RAM. Both are lower bounds: the runtime is not counted. With --runtime,
both are what that runtime needs, and a model with operators it does not have does not fit. With several --target, a table of models and
chips; --runtime usual then takes for each chip the runtime at home on it.

${shared}      --max-flash SIZE  limit instead of the target's, such as 256K or 1M (powers of 1,024)
      --max-ram SIZE    the same for RAM
      --max-latency MS  too slow is what takes longer by the lower end of its estimated range, such as 50ms or 1.5s; needs --target and
                        --runtime
      --format NAME     text (default), json, jsonl; for build servers github, junit, sarif
      --json, --jsonl   the same as --format json and --format jsonl

Exit: 0 everything fits, 1 something does not, 2 bad input, or a needed figure is not known.
`,
  quantize: `usage: thimble quantize MODEL --scheme SCHEME [-o FILE] [options]

Writes a smaller model. The source is never changed; an existing output is replaced.

  -s, --scheme SCHEME   ${writableSchemeIds.slice(0, 7).join(', ')},
                        ${writableSchemeIds.slice(7).join(', ')}
      --per-channel     a scale for each channel of a weight (default); --per-tensor: one for each weight
      --asymmetric      zero points of activations where their range wants them (default); --symmetric: in the middle
      --block-size N    int4-weights, int2-weights: elements that share a scale; 0: no blocks (default 32)
      --calibration PATH
                        a .npz, .npy, .png, .jpg, .wav, .csv or .bin file, or a folder of them: int8, uint8, int16 and int16x8 need it; with it, every
                        scheme's error is measured
      --layout, --resize, --colour-order, --audio-length
                        of images: auto, NCHW or NHWC; none, bilinear or nearest; RGB or BGR; of recordings: exact or fit
      --scale N, --mean N[,N...], --std N[,N...]
                        numbers become (value * scale - mean) / std, one for all channels or one for each; images are 0 to 255
      --calibration-method METHOD
                        minmax (default), percentile, entropy or mse
      --recovery WAY    none, auto (default), or some of cle (cross-layer equalization), bias-absorption, smoothquant, mse-clip, hqq, gptq, adaround,
                        bias-correction, with commas between them; auto tries them and keeps what measurably helps on samples that it was not
                        fitted to. All but cle, mse-clip and hqq need --calibration; none of them changes the size
      --random-inputs   made-up inputs in place of data: ranges and errors then say nothing of real data
      --input-range=MIN,MAX
                        no data: ranges are estimated from batch normalization, with graph inputs in this range; refused where they do not follow
      --seed N          of made-up inputs (default 1)
      --requantize      turn a model that is quantized already back into float first; without it, such a model is left alone
      --annotate-shapes write the shapes of values between nodes into the file, for tools that do not work them out
      --layer NAME=SCHEME
                        another scheme for one layer, or float32 to leave it as it is; can be given again and again. --layers FILE: a JSON file
                        of names and schemes
      --fit             find the mix of schemes with the least error that fits --target ID, or --max-flash SIZE and --max-ram SIZE; every plan
                        is measured, which takes --calibration PATH
      --recipe FILE     the scheme and its options from a file; options given here come first
      --save-recipe FILE
                        write such a file: with the same model and data it gives the same bytes
  -o, --output FILE     default: NAME.SCHEME.onnx beside the model
  -t, --target ID       say whether the result fits this chip or board
      --external-ram    count the board's external RAM as RAM
  -r, --runtime ID      flash and RAM of the result as this runtime needs them, and the verdict by them (see thimble runtimes)
      --reserve-flash SIZE, --reserve-ram SIZE
                        what the application keeps for itself, such as 64K
      --dry-run         write nothing; say how large the file would be, to the byte
      --json            the report as JSON

Exit: 0 written, 2 it cannot be done.
`,
  compare: `usage: thimble compare BEFORE AFTER [options]

Two models, or one before and after it was changed: totals, and the layers, matched by name. What quantizing puts around a layer counts for
the layer.

  -r, --runtime ID      flash, RAM and live bytes as this runtime needs them (see thimble runtimes), without reserves
  -t, --target ID       say whether each of them fits this chip or board
      --external-ram    count the board's external RAM as RAM
      --dim KEY=N       size of a symbolic dimension of both models: its name, or INPUT[AXIS]; may be repeated
      --json            the comparison as JSON
      --markdown        totals and layers as Markdown tables

Exit: 0 done, 2 a file cannot be read.
`,
  targets: `usage: thimble targets [WORD...] [--json|--csv|--markdown]

The reviewed chips and boards; with words, those that match every word, thousands of unreviewed devices included. Sizes are words too:
thimble targets cortex-m4 at least 256K RAM.
`,
  runtimes: `usage: thimble runtimes [--json]

The runtimes whose flash and RAM can be told, and the precisions that can be planned for each.
`,
};

/** The help text of a command, or of the whole program. */
export function helpText(command?: CommandName): string {
  if (command) return help[command];
  return `usage: thimble COMMAND [options]

Will this neural network fit that chip?

  inspect   what each layer of a model costs
  check     does it fit a chip, or given limits
  quantize  write a smaller model
  compare   two models, layer by layer
  targets   the chips and boards that are known
  runtimes  what can run a model there

thimble COMMAND --help says more. --version prints the version.
`;
}
