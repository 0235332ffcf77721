/** The embedded engine behind a guard: it opens the files it is given and no others, and its settings are locked. */
import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { ownSpillFolder } from './spill-folder.js';

/** What one engine may use. */
export interface EngineLimits {
  /** Beyond this it spills to the temporary folder, or fails where it cannot. */
  readonly memoryLimitBytes: number;
  readonly threads: number;
}

/** One engine with a database of its own, in memory. */
export interface Engine {
  readonly connect: () => Promise<DuckDBConnection>;
  /** Frees it and removes what it spilled; harmless twice. */
  readonly close: () => Promise<void>;
}

/** The engine's two layers: the second reaches a whole column at once, which the first does only value by value. */
export const loadLibrary = async () => ({
  api: await import('@duckdb/node-api'),
  bindings: (await import('@duckdb/node-bindings')).default,
});
export type Library = Awaited<ReturnType<typeof loadLibrary>>;

/** Starts an engine that may open `paths` and what is in `folders` (absolute), for reading and for writing, and nothing else. */
export const openEngine = async (
  { api }: Library,
  paths: ReadonlyArray<string>,
  limits: EngineLimits,
  folders: ReadonlyArray<string> = [],
): Promise<Engine> => {
  const spillFolder = ownSpillFolder();
  let instance: DuckDBInstance | undefined;
  const close = async (): Promise<void> => {
    instance?.closeSync();
    await spillFolder.remove();
  };
  try {
    const made = await api.DuckDBInstance.create(':memory:', {
      memory_limit: `${limits.memoryLimitBytes}B`,
      threads: `${limits.threads}`,
      temp_directory: spillFolder.path,
      // Otherwise it keeps what it read of the files, up to the memory limit.
      enable_external_file_cache: 'false',
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
      allow_persistent_secrets: 'false',
    });
    instance = made;
    const connection = await made.connect();
    await connection.run(`SET TimeZone = 'UTC'`);
    await connection.run(`SET allowed_paths = [${paths.map(quoteText).join(', ')}]`);
    await connection.run(`SET allowed_directories = [${folders.map(quoteText).join(', ')}]`);
    await connection.run('SET enable_external_access = false');
    await connection.run('SET lock_configuration = true');
    connection.disconnectSync();
    return { connect: () => made.connect(), close };
  } catch (error) {
    await close();
    throw error;
  }
};

/** A name in SQL. */
export const quoteName = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** A text in SQL. */
export const quoteText = (text: string): string => `'${text.replaceAll("'", "''")}'`;
