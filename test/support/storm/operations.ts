/** What a storm's processes are told to do, and what they tell of it: plain JSON, from process to process. */
import { createHash } from 'node:crypto';
import { memoryArtifact } from '../../../adapters/memory/inference-engine.js';
import { model } from '../registry.js';

/** One registration, or a later try of it: `label` is its description, and tells it from every other of the storm. */
export interface Registering {
  readonly kind: 'register';
  readonly model: string;
  readonly label: string;
  readonly key?: string;
  readonly alias?: string;
}

/** A version is read with its artifact's bytes: the latest, the one under an alias, or a numbered one. */
export interface Reading {
  readonly kind: 'read';
  readonly model: string;
  readonly alias?: string;
  readonly version?: number;
}

export type Operation = Registering | Reading;

/** A version as it was found: what its record says, and the digest of the bytes beside it. */
export interface Found {
  readonly version: number;
  readonly registrationId: string;
  readonly label: string;
  readonly recordSha256: string;
  readonly artifactSha256: string;
}

/** How a read went: `none` when there is no such version, `damaged` when it is there and not whole. */
export type ReadOutcome =
  | { readonly kind: 'found'; readonly found: Found }
  | { readonly kind: 'none' }
  | { readonly kind: 'damaged'; readonly what: string };

/** How an operation went. */
export type Outcome =
  | ReadOutcome
  | {
      readonly kind: 'registered';
      readonly version: number;
      readonly registrationId: string;
      /** Whether the alias was asked for and set. */
      readonly hasAlias: boolean;
    }
  | { readonly kind: 'failed'; readonly tag: string; readonly message: string };

/** What a process says of an operation. Nanoseconds of the clock that all processes of a machine share, as text. */
export interface Answer {
  readonly invokedAtNs: string;
  readonly answeredAtNs: string;
  readonly outcome: Outcome;
}

/** Enough bytes that a write of them takes more than one moment. */
const artifactBytes = 16_384;

/** The artifact that is registered under a label, and under no other: a model whose intercept is of the label's digest. */
export const artifactOf = (label: string): Uint8Array => {
  const intercept = Number.parseInt(sha256(Buffer.from(label)).slice(0, 12), 16);
  const artifact = Buffer.alloc(artifactBytes, ' ');
  artifact.set(memoryArtifact({ ...model, intercepts: [intercept] }));
  return new Uint8Array(artifact);
};

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
