import { version } from '../../../core/index.ts';
import type { Style } from '../terminal/style.ts';
import { counted, wrapped } from '../terminal/text.ts';
import type { Examination, Finding, Severity } from './finding.ts';

const severities: readonly Severity[] = ['error', 'warning', 'note'];

/** For people. */
export function textReport(examinations: readonly Examination[], style: Style): string {
  const all = examinations.flatMap(({ findings }) => findings);
  return [...examinations.map((each) => section(each, style)), summary(all, style)].join('\n\n');
}

/** For programs. */
export function jsonReport(examinations: readonly Examination[]): string {
  const all = examinations.flatMap(({ findings }) => findings);
  return JSON.stringify({ version, counts: countsOf(all), examinations }, undefined, 2);
}

function section({ target, facts, findings }: Examination, style: Style): string {
  // The same in several places is told once.
  const groups = Map.groupBy(sorted(findings), ({ code, what, remedy }) => JSON.stringify([code, what, remedy]));
  return [
    painted(wrapped(target), style.strong),
    ...(facts.length === 0 ? [] : [painted(wrapped(facts.join(', '), { indent: 2 }), style.quiet)]),
    ...(findings.length === 0
      ? [`  ${style.good('✓')} nothing found`]
      : [...groups.values()].map((each) => entry(each, style))),
  ].join('\n');
}

/** Each line by itself: a colour that goes over the end of a line fills it. */
function painted(text: string, paint: (line: string) => string): string {
  return text
    .split('\n')
    .map((line) => paint(line))
    .join('\n');
}

function entry(group: readonly Finding[], style: Style): string {
  const [first] = group;
  if (first === undefined) return '';
  const { severity, code, what, remedy } = first;
  const mark = { error: style.bad('✗ error  '), warning: style.doubtful('! warning'), note: style.quiet('· note   ') };
  const places = group.flatMap(({ where }) => where ?? []);
  return [
    '',
    `  ${mark[severity]}  ${style.strong(code)}${places.length === 1 ? ` ${style.quiet(places[0] ?? '')}` : ''}`,
    ...(places.length > 1 ? places.map((place) => `    ${style.quiet(place)}`) : []),
    wrapped(`${what}.`, { indent: 4 }),
    wrapped(`${remedy}.`, { indent: 6, first: '    → ' }),
  ].join('\n');
}

function summary(findings: readonly Finding[], style: Style): string {
  if (findings.length === 0) return style.good('Nothing found.');
  const counts = countsOf(findings);
  const parts = severities.filter((each) => counts[each] > 0).map((each) => counted(counts[each], each));
  return `${parts.join(', ')}. Each is described in docs/doctor.md.`;
}

function countsOf(findings: readonly Finding[]): Record<Severity, number> {
  const count = (wanted: Severity): number => findings.filter(({ severity }) => severity === wanted).length;
  return { error: count('error'), warning: count('warning'), note: count('note') };
}

function sorted(findings: readonly Finding[]): readonly Finding[] {
  return [...findings].sort((one, other) => severities.indexOf(one.severity) - severities.indexOf(other.severity));
}
