/** What a contract is: named promises of a port, each runnable against any harness, under any test runner. */

/** One promise of a port. `run` rejects when the adapter breaks it. `H` is what the adapter under test provides. */
export interface ContractCase<H> {
  /** The promise, as a sentence. */
  readonly name: string;
  readonly run: (harness: H) => Promise<void>;
}

/** All the promises of one port. */
export type Contract<H> = ReadonlyArray<ContractCase<H>>;
