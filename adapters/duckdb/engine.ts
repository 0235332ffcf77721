/** The embedded engine behind a guard: it opens the files it is given and no others, and its settings are locked. */
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';

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

/** Starts an engine that may open `paths` (absolute), for reading and for writing, and nothing else. */
export const openEngine = async (
  { api }: Library,
  paths: ReadonlyArray<string>,
  limits: EngineLimits,
): Promise<Engine> => {
  const spillFolder = join(tmpdir(), `scorekeeper-${randomUUID()}`);
  const instance = await api.DuckDBInstance.create(':memory:', {
    memory_limit: `${limits.memoryLimitBytes}B`,
    threads: `${limits.threads}`,
    temp_directory: spillFolder,
    // Otherwise it keeps what it read of the files, up to the memory limit.
    enable_external_file_cache: 'false',
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    allow_persistent_secrets: 'false',
  });
  const engine: Engine = {
    connect: () => instance.connect(),
    close: async () => {
      instance.closeSync();
      await rm(spillFolder, { recursive: true, force: true });
    },
  };
  try {
    const connection = await engine.connect();
    await connection.run(`SET TimeZone = 'UTC'`);
    await connection.run(`SET allowed_paths = [${paths.map(quoteText).join(', ')}]`);
    await connection.run('SET enable_external_access = false');
    await connection.run('SET lock_configuration = true');
    connection.disconnectSync();
    return engine;
  } catch (error) {
    await engine.close();
    throw error;
  }
};

/** A name in SQL. */
export const quoteName = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** A text in SQL. */
export const quoteText = (text: string): string => `'${text.replaceAll("'", "''")}'`;
