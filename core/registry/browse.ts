/** Reads of the registry: lists, and one version's record. No artifact is ever loaded. */
import type { Gate } from '../model/metrics-gate.js';
import type { Registration } from '../model/registration.js';
import type { JsonObject } from '../model/sealed-document.js';

/** A registered version, with the aliases that are on it now. */
export type RegisteredVersion = Registration & { readonly aliases: ReadonlyArray<string> };

/** A version that cannot be scored. */
export type UnscorableVersion = JsonObject & {
  readonly model_type: string;
  readonly name: string;
  readonly version: number;
  /** `legacy` (the fields are the Python system's own, with `format: "pickle"`), `aborted`, or `unreadable` (`detail` says why). */
  readonly status: string;
  readonly aliases: ReadonlyArray<string>;
};

/** Any version, as lists show it. */
export type ListedVersion = RegisteredVersion | UnscorableVersion;

export interface ModelsPage {
  /** By model type, sorted by name and version. */
  readonly models: Readonly<Record<string, ReadonlyArray<ListedVersion>>>;
  /** Present when there is more. */
  readonly nextPageToken?: string;
}

export interface InfoAnswer {
  readonly info: {
    readonly registration: ListedVersion;
    readonly model_info: JsonObject;
    readonly original_experiment: JsonObject;
    readonly validation_metrics: Gate;
  };
  /** Changes when the registration or its aliases do. 64 hex digits. */
  readonly tag: string;
}
