/** What is registered, told to people. */
import type { InfoAnswer, ListedVersion, ModelsPage, RegisteredVersion } from '../../core/index.js';
import { count, plain, renderFacts, table } from './table.js';

/** A table of versions. Where it is wider than `width`, columns that say nothing are left out, the time of day goes, and cells are cut. */
export const renderModels = (models: ModelsPage['models'], width: number): string => {
  const rows = Object.values(models).flatMap((versions) =>
    versions.map((version) => [
      `${version.model_type}/${version.name}@${version.version}`,
      statusOf(version),
      version.aliases.join(', '),
      isRegistered(version) ? version.registered_at : '',
      isRegistered(version) ? version.original_experiment.name : '',
      typeof version.description === 'string' ? plain(version.description) : '',
    ]),
  );
  const whole = table(heads, rows);
  return whole.split('\n').every((line) => line.length <= width) ? whole : shortened(rows, width);
};

/** A pickle can be listed and not scored. */
const statusOf = (version: ListedVersion): string =>
  'format' in version && version['format'] === 'pickle' ? `${version.status} (pickle)` : version.status;

const heads = ['model', 'status', 'aliases', 'registered', 'experiment', 'description'];

/** A reference is what people copy: it stays whole. */
const shortened = (rows: ReadonlyArray<ReadonlyArray<string>>, width: number): string => {
  const telling = [...heads.keys()].filter((i) => rows.some((row) => row[i] !== '' && row[i] !== 'registered'));
  const yielding = telling.flatMap((i, at) => (heads[i] === 'experiment' || heads[i] === 'description' ? [at] : []));
  return table(
    telling.map((i) => heads[i] ?? ''),
    rows.map((row) => telling.map((i) => (heads[i] === 'registered' ? row[i]?.slice(0, 10) : row[i]) ?? '')),
    { width, yielding, tooWide: 'cut' },
  );
};

/** One version: its record, its checks, its features. */
export const renderInfo = ({ registration }: InfoAnswer['info'], width: number): string => {
  const title = `${registration.model_type}/${registration.name}@${registration.version}`;
  if (!isRegistered(registration)) return `${title}\n${JSON.stringify(registration, null, 2)}`;
  const { signature, original_experiment: experiment, artifact } = registration;
  const checks = registration.validation_report.map(
    ({ metric, rule, threshold, value, passed }) =>
      `${metric} ${showMetric(value)} ${rule === 'min' ? '≥' : '≤'} ${threshold} ${passed ? 'passed' : 'failed'}`,
  );
  const facts: ReadonlyArray<readonly [string, string]> = [
    ['model', title],
    ['status', lifecycleOf(registration)],
    ['aliases', registration.aliases.join(', ')],
    ['description', registration.description],
    ['experiment', `${experiment.name} v${experiment.version}`],
    ['gate', registration.validation_skipped ? 'skipped' : checks.length > 0 ? checks.join(', ') : 'none'],
    [
      'registered',
      `${registration.registered_at}${known(registration, 'registered_by', 'by')}${known(registration, 'environment', 'in')}`,
    ],
    [
      'metadata',
      Object.entries(registration.metadata)
        .map((pair) => pair.join('='))
        .join(', '),
    ],
    ['artifact', `${artifact.file}, ${count(artifact.bytes)} bytes, sha-256 ${artifact.sha256}`],
    [
      'copied from',
      registration.copied_from === undefined
        ? ''
        : `version ${registration.copied_from.version} in ${registration.copied_from.registry}`,
    ],
    ['BigQuery ML', pushDownOf(registration)],
    ['outputs', signature.outputs.map(({ name, type }) => `${name} ${type}`).join(', ')],
  ];
  const features = signature.features.map(({ name, type, fill }) => [name, type, fill === null ? '' : `${fill}`]);
  const told = renderFacts(
    facts.flatMap(([name, fact]) => (fact === '' ? [] : [[name, plain(fact)] as const])),
    width,
  );
  return `${told}\n\n${table(['feature', 'type', 'fill'], features, { width })}`;
};

/** Whether `score --on bigquery` would take it. */
const pushDownOf = ({ bigquery_ml: pushDown }: RegisteredVersion): string => {
  if (pushDown === undefined) return '';
  const { qualifies, reasons, compared } = pushDown;
  if (!qualifies) return `does not qualify. ${reasons.join(' ')}`;
  if (compared === null) return 'qualifies; its own runtime was not there to compare with';
  const { runtime, row_count, rows_of, largest_difference } = compared;
  return `qualifies; ONNX Runtime ${runtime} differs by at most ${showMetric(largest_difference)} on ${row_count} ${rows_of} rows`;
};

/** How it stands, since when and why. */
const lifecycleOf = (version: RegisteredVersion): string => {
  const [at, reason] =
    version.status === 'deleted'
      ? [version.deleted_at, version.delete_reason]
      : [version.archived_at, version.archive_reason];
  return `${version.status}${at === undefined ? '' : ` ${at}`}${reason === undefined || reason === '' ? '' : `: ${reason}`}`;
};

/** Six figures: enough to compare. */
export const showMetric = (value: number | null): string =>
  value === null ? 'missing' : `${Number(value.toPrecision(6))}`;

/** ` by WHO`, or nothing where the registration says `unknown`. */
const known = (registration: RegisteredVersion, field: 'registered_by' | 'environment', link: string): string =>
  registration[field] === 'unknown' ? '' : ` ${link} ${registration[field]}`;

const isRegistered = (version: ListedVersion): version is RegisteredVersion =>
  'schema_version' in version && 'signature' in version;
