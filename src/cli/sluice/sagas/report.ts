import type { SagaChildInfo, SagaDetails, SagaInfo, SagaWaitInfo } from '../../../saga/index.ts';
import type { Style } from '../terminal/style.ts';
import { ageOf, cut, table } from '../terminal/table.ts';
import { harmless } from '../terminal/text.ts';

/** The most characters of what is not the name of something. */
const mostOfError = 100;
const mostOfWaits = 40;
const gap = '  ';

/** A saga per line. Names and ids are whole, so that they can be given to the other commands. */
export function sagaTable(sagas: readonly SagaInfo[], style: Style): string {
  const rows = sagas.map((info) => [
    harmless(info.saga),
    harmless(info.id),
    info.status,
    cut(info.waitsFor.join(', '), mostOfWaits) || '-',
    ageOf(info.createdAt),
    errorOf(info) || '-',
  ]);
  return table(['SAGA', 'ID', 'STATUS', 'WAITS FOR', 'AGE', 'LAST ERROR'], rows, style);
}

/** One saga, with its steps, waits and children. */
export function sagaReport(info: SagaDetails, style: Style): string {
  const facts = [
    ['status', info.status],
    ['version', String(info.version)],
    ['waits for', cut(info.waitsFor.join(', '), mostOfError)],
    ['last step', info.lastStep === undefined ? '' : cut(info.lastStep, mostOfError)],
    ['last error', errorOf(info)],
    ['failed in a row', info.attempts === 0 ? '' : String(info.attempts)],
    ['started', `${info.createdAt.toISOString()}, ${ageOf(info.createdAt)} ago`],
    ['goes on', info.wakesAt?.toISOString() ?? ''],
    ['ended', info.endedAt?.toISOString() ?? ''],
  ].filter(([, value]) => value !== '');
  const steps = info.steps.map(
    ({ name, state, at }) => `${gap}${state.padEnd(8)}${at.toISOString()}  ${harmless(name)}`,
  );
  return [
    style.strong(harmless(`${info.saga} ${info.id}`)),
    ...facts.map(([name = '', value = '']) => `${gap}${name.padEnd(17)}${value}`),
    style.strong('Steps on this client'),
    ...(steps.length === 0 ? [`${gap}none yet`] : steps),
    ...titled('Sleeps and waits', info.waits.map(waitLine), style),
    ...titled('Children', info.children.map(childLine), style),
  ].join('\n');
}

/** Nothing where there are none. */
function titled(title: string, lines: readonly string[], style: Style): readonly string[] {
  return lines.length === 0 ? [] : [style.strong(title), ...lines];
}

function waitLine({ name, until, endedAt }: SagaWaitInfo): string {
  const times = [
    ...(until === undefined ? [] : [`until ${until.toISOString()}`]),
    ...(endedAt === undefined ? [] : [`ended ${endedAt.toISOString()}`]),
  ];
  return `${gap}${times.join(', ')}${gap}${harmless(name)}`;
}

function childLine({ name, saga, id, status, createdAt, endedAt }: SagaChildInfo): string {
  const at = (endedAt ?? createdAt).toISOString();
  return `${gap}${status.padEnd(14)}${at}${gap}${harmless(name)}: ${harmless(`${saga} ${id}`)}`;
}

function errorOf({ lastError }: SagaInfo): string {
  return lastError === undefined ? '' : cut(`${lastError.name}: ${lastError.message}`, mostOfError);
}
