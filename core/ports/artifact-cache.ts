/** Port: artifacts near at hand, by content, so that a machine fetches each from its store once. */
import type { Option } from 'fp-ts/lib/Option.js';
import type { Task } from 'fp-ts/lib/Task.js';

/**
 * The adapter promises:
 * - what was kept is whole or not there, also while another process keeps the same, or dies;
 * - what it holds stays within its byte budget, and what was used longest ago goes first;
 * - it never fails: what cannot be kept or read is not there.
 *
 * Nobody promises that bytes are still those that were kept: who asks for them holds them against their digest.
 */
export interface ArtifactCache {
  /** The bytes that were kept under this SHA-256 (64 lower-case hex digits). */
  readonly get: (sha256: string) => Task<Option<Uint8Array>>;
  /** Keeps the bytes in place of what was kept there. */
  readonly keep: (sha256: string, bytes: Uint8Array) => Task<void>;
}
