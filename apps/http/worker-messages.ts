/** What a worker and its primary process say to each other. */
import type { Failure } from '../../core/index.js';
import type { Figures } from './metrics.js';

export type FromWorker =
  /** With what people should know, as sentences. */
  | { readonly kind: 'listening'; readonly url: string; readonly warnings: ReadonlyArray<string> }
  /** It takes no more connections. */
  | { readonly kind: 'stopping' }
  /** It cannot serve, and ends. */
  | { readonly kind: 'failed'; readonly failure: Failure }
  /** Somebody asks it for the metrics of all. */
  | { readonly kind: 'metrics-wanted'; readonly ask: number }
  | { readonly kind: 'figures'; readonly ask: number; readonly figures: Figures };

export type FromPrimary =
  /** To be obeyed as SIGTERM is, but never counted as a second one. */
  | { readonly kind: 'stop' }
  | { readonly kind: 'figures-wanted'; readonly ask: number }
  | { readonly kind: 'metrics'; readonly ask: number; readonly text: string };
