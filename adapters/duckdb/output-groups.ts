/** Puts groups of rows into the file of an output, one after the other. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { type Narrowing, narrowestType, type OutputFormat, type RawRows, type SinkSchema } from '../../core/index.js';
import { engineTypes } from './chunk-writer.js';
import { quoteName, quoteText } from './engine.js';
import { type FileJoiner, joinFiles } from './file-joiner.js';
import { type HeldTable, mostRowsPerGroup } from './held-rows.js';
import { mostRowsOf, parquetOptions } from './join-parts.js';
import { makeAside } from './make-folder.js';
import { constantSql, copyOptions, finiteSql } from './output-sql.js';

export interface OutputGroups {
  /** Every batch that the groups are made of, beforehand. */
  readonly see: (batch: RawRows) => void;
  /** Writes a group; there will be others. */
  readonly write: (group: HeldTable) => Promise<void>;
  /** Writes the last group, and makes the file whole. */
  readonly finish: (last: HeldTable) => Promise<void>;
  /** Harmless twice. */
  readonly close: () => Promise<void>;
}

interface Output {
  readonly schema: SinkSchema;
  readonly path: string;
  readonly format: OutputFormat;
}

/** In `folder` there is what the file cannot have yet. */
export const outputGroups = (output: Output, folder: string): OutputGroups => {
  const narrowings = new Map(
    output.schema.columns.flatMap(({ name, type }) => (type === 'json' ? [[name, narrowestType()] as const] : [])),
  );
  return narrowings.size === 0 ? settledGroups(output, folder) : openGroups(output, narrowings, folder);
};

/** Each group is a file like the whole, and they are joined as they come. */
const settledGroups = ({ schema, path, format }: Output, folder: string): OutputGroups => {
  const list = selectList(schema, new Map(), format);
  let joiner: FileJoiner | undefined;
  const write = async ({ connection, name }: HeldTable): Promise<void> => {
    const file = join(folder, `group.${format}`);
    await makeAside(folder);
    await copy(connection, list, name, file, groupOptions(format, joiner === undefined));
    joiner ??= await joinFiles(path, format);
    await joiner.add(file);
    await rm(file);
  };
  return {
    see: () => undefined,
    write,
    finish: async (last) => {
      if (joiner === undefined) return copy(last.connection, list, last.name, path, groupOptions(format, true));
      await write(last);
      await joiner.finish();
    },
    close: async () => joiner?.close(),
  };
};

/** All groups stay aside until the types of all columns are known, and are then written once more. */
const openGroups = (
  { schema, path, format }: Output,
  narrowings: ReadonlyMap<string, Narrowing>,
  folder: string,
): OutputGroups => {
  const files: string[] = [];
  const write = async ({ connection, name }: HeldTable): Promise<void> => {
    const file = join(folder, `${files.length}.parquet`);
    await makeAside(folder);
    await copy(connection, ['*'], name, file, groupOptions('parquet', true));
    files.push(file);
  };
  return {
    see: ({ columns }) => {
      for (const [name, narrowing] of narrowings) {
        const column = columns.get(name);
        if (column?.type === 'json') narrowing.add(column.values);
      }
    },
    write,
    finish: async (last) => {
      const { connection, name } = last;
      const list = selectList(schema, narrowings, format);
      if (files.length === 0) return copy(connection, list, name, path, groupOptions(format, true));
      await write(last);
      const all = `read_parquet([${files.map(quoteText).join(', ')}], hive_partitioning=false)`;
      const options = format === 'parquet' ? parquetOptions(await mostRowsOf(connection, files)) : copyOptions[format];
      await copy(connection, list, all, path, options);
    },
    close: async () => undefined,
  };
};

/** To a file of one group. */
const groupOptions = (format: OutputFormat, isFirst: boolean): string => {
  switch (format) {
    case 'parquet':
      return `${copyOptions.parquet}, ROW_GROUP_SIZE ${mostRowsPerGroup}`;
    case 'csv':
      return `${copyOptions.csv}, HEADER ${isFirst}`;
    case 'ndjson':
      return copyOptions.ndjson;
  }
};

const copy = async (
  connection: DuckDBConnection,
  list: ReadonlyArray<string>,
  from: string,
  to: string,
  options: string,
): Promise<void> => {
  await connection.run(`COPY (SELECT ${list.join(', ')} FROM ${from}) TO ${quoteText(to)} (${options})`);
};

const selectList = (
  { columns, constants }: SinkSchema,
  narrowings: ReadonlyMap<string, Narrowing>,
  format: OutputFormat,
): ReadonlyArray<string> => [
  ...columns.map(({ name, type }, i) => {
    const narrowed = narrowings.get(name)?.type();
    const value = narrowed === undefined ? `c${i}` : `c${i}::${engineTypes[narrowed]}`;
    return `${finiteSql(value, narrowed ?? type, format)} AS ${quoteName(name)}`;
  }),
  ...constants.map((one) => constantSql(one, format)),
];
