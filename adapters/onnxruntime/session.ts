/** One ONNX Runtime session: opened from bytes, described, run with core's tensors. */
import type * as onnxruntime from 'onnxruntime-node';
import type { InferenceSession } from 'onnxruntime-node';
import type { Tensor } from '../../core/index.js';

type Runtime = typeof onnxruntime;

/** A session that takes and gives core's tensors. */
export interface Session {
  readonly inputs: ReadonlyArray<InferenceSession.ValueMetadata>;
  readonly outputs: ReadonlyArray<InferenceSession.ValueMetadata>;
  /** Holds the event loop while it computes. Rejects with the runtime's reason. */
  readonly run: (feeds: ReadonlyMap<string, Tensor>, onStart?: () => void) => Promise<ReadonlyMap<string, Tensor>>;
  readonly release: () => Promise<void>;
}

/**
 * Loads the library when it is first needed: that takes tens of milliseconds, and from 1.29 on it writes a device id and
 * sends telemetry unless this variable is set before.
 */
export const loadRuntime = async (): Promise<Runtime> => {
  process.env['ORT_DISABLE_TELEMETRY'] = '1';
  const runtime = await import('onnxruntime-node');
  runtime.env.logLevel = 'fatal';
  return runtime;
};

/** Opens an artifact on one thread, without a word on standard error. Rejects with the runtime's reason. */
export const openSession = async (runtime: Runtime, artifact: Uint8Array): Promise<Session> => {
  const session = await runtime.InferenceSession.create(artifact, {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    logSeverityLevel: 4,
  });
  // Copying an object that has every input is a tenth of building it up.
  const noInputs = Object.fromEntries(session.inputNames.map((name) => [name, null]));
  return {
    inputs: session.inputMetadata,
    outputs: session.outputMetadata,
    run: async (feeds, onStart) => {
      const inputs: Record<string, InferenceSession.OnnxValueMapType[string] | null> = { ...noInputs };
      for (const [name, { type, values, shape }] of feeds) {
        // The compiler does not see that a column's type and its values go together.
        inputs[name] = new runtime.Tensor(type as 'float32', values as Float32Array, shape);
      }
      // The runtime computes in the next turn, after all who asked before: this is called just before it.
      if (onStart !== undefined) setImmediate(onStart);
      const results = await session.run(inputs as InferenceSession.OnnxValueMapType);
      const outputs = new Map<string, Tensor>();
      for (const name in results) {
        const { type, data, dims } = results[name] as NonNullable<(typeof results)[string]>;
        outputs.set(name, { type, values: data, shape: dims } as Tensor);
      }
      return outputs;
    },
    release: () => session.release(),
  };
};

/** Where in its sources the runtime was: a file and a line, then a name, or the whole signature that C++ compilers make of it. */
const sourcePlace =
  /\S+\.(?:cc|cpp|h):\d+ (?:[^()]*?\w+::~?\w+(?:<[^()]*>)?\((?:[^()]|\([^()]*\))*\)(?: const)?|\S+) /g;

/** What the runtime said, on one short line, without the places in its sources. */
export const reasonOf = (error: unknown): string =>
  messageOf(error)
    .replace(/^.*Status Message: /s, '')
    .replace(sourcePlace, '')
    .replace(/\s+/g, ' ')
    .trim()
    .replace(/\.$/, '')
    .slice(0, 200);

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
