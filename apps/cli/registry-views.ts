/** What is registered, told to people. */
import type { InfoAnswer, ListedVersion, ModelsPage, RegisteredVersion } from '../../core/index.js';
import { table } from './table.js';

/** A table of versions. */
export const renderModels = (models: ModelsPage['models']): string => {
  const rows = Object.values(models).flatMap((versions) =>
    versions.map((version) => [
      `${version.model_type}/${version.name}@${version.version}`,
      version.status,
      version.aliases.join(', '),
      isRegistered(version) ? version.registered_at : '',
      isRegistered(version) ? version.original_experiment.name : '',
      typeof version.description === 'string' ? shorten(version.description) : '',
    ]),
  );
  if (rows.length === 0) return 'Nothing is registered here.';
  return table(['model', 'status', 'aliases', 'registered', 'experiment', 'description'], rows);
};

/** One version: its record, its checks, its features. */
export const renderInfo = ({ registration }: InfoAnswer['info']): string => {
  const title = `${registration.model_type}/${registration.name}@${registration.version}`;
  if (!isRegistered(registration)) return `${title}\n${JSON.stringify(registration, null, 2)}`;
  const { signature, original_experiment: experiment, artifact } = registration;
  const checks = registration.validation_report.map(
    ({ metric, rule, threshold, value, passed }) =>
      `${metric} ${value ?? 'missing'} ${rule === 'min' ? '≥' : '≤'} ${threshold} ${passed ? 'passed' : 'failed'}`,
  );
  const facts: ReadonlyArray<readonly [string, string]> = [
    ['model', title],
    ['status', registration.status],
    ['aliases', registration.aliases.join(', ')],
    ['description', registration.description],
    ['experiment', `${experiment.name} v${experiment.version}`],
    ['gate', registration.validation_skipped ? 'skipped' : checks.join(', ')],
    ['registered', `${registration.registered_at} by ${registration.registered_by} (${registration.environment})`],
    [
      'metadata',
      Object.entries(registration.metadata)
        .map((pair) => pair.join('='))
        .join(', '),
    ],
    ['artifact', `${artifact.file}, ${artifact.bytes.toLocaleString('en-US')} bytes, sha-256 ${artifact.sha256}`],
    ['outputs', signature.outputs.map(({ name, type }) => `${name} ${type}`).join(', ')],
  ];
  const features = signature.features.map(({ name, type, fill }) => [name, type, fill === null ? '' : `${fill}`]);
  return `${table(
    ['', ''],
    facts.filter(([, fact]) => fact !== ''),
  ).trim()}\n\n${table(['feature', 'type', 'fill'], features)}`;
};

const isRegistered = (version: ListedVersion): version is RegisteredVersion =>
  version.status === 'registered' && 'signature' in version;

const shorten = (text: string): string => (text.length <= 60 ? text : `${text.slice(0, 57)}…`);
