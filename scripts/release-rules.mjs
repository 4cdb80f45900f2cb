const versionPattern = /^(\d+)\.(\d+)\.(\d+)(?:-([0-9a-z.-]+))?$/;

/**
 * What stands in the way of a release, one sentence each.
 * @param {{
 *   manifest: { version: string, repository?: unknown, homepage?: unknown },
 *   lock: { version: string },
 *   changelog: string,
 *   changes: string,
 *   tags: readonly string[],
 * }} state `changes` is what `git status --porcelain` prints
 * @returns {string[]}
 */
export function obstaclesTo({ manifest, lock, changelog, changes, tags }) {
  const { version } = manifest;
  const obstacles = [
    changes !== '' && `The working tree is not clean:\n${changes}`,
    lock.version !== version && `package-lock.json has version ${lock.version}: run npm install.`,
    manifest.repository === undefined && 'package.json has no repository, which provenance needs.',
    manifest.homepage === undefined && 'package.json has no homepage.',
    ...obstaclesOfVersion(version, tags),
    ...obstaclesOfChangelog(version, changelog),
  ];
  return obstacles.filter((obstacle) => obstacle !== false);
}

/** @returns {string} what the changelog says of a version */
export function releaseNotes(changelog, version) {
  return sectionsOf(changelog).find((section) => section.version === version)?.text ?? '';
}

function obstaclesOfVersion(version, tags) {
  if (!versionPattern.test(version)) return [`${version} is not a version of the form 1.2.3 or 1.2.3-beta.1.`];
  if (tags.includes(`v${version}`)) return [`There is a tag v${version} already.`];
  const later = tags.filter((tag) => versionPattern.test(tag.slice(1)) && compare(tag.slice(1), version) > 0);
  return later.map((tag) => `${tag} has been released, which is later.`);
}

function obstaclesOfChangelog(version, changelog) {
  const [first, second] = sectionsOf(changelog);
  if (first?.version !== 'Unreleased') return ['CHANGELOG.md does not begin with a section [Unreleased].'];
  if (second?.version !== version) {
    return [`CHANGELOG.md has no section [${version}] below [Unreleased]: move what is released there.`];
  }
  return [
    first.text !== '' && 'CHANGELOG.md still has entries in [Unreleased].',
    second.text === '' && `The section [${version}] of CHANGELOG.md is empty.`,
    !/^\d{4}-\d{2}-\d{2}$/.test(second.date) &&
      `The section [${version}] of CHANGELOG.md has no date: [${version}] - 2030-01-31.`,
  ];
}

function sectionsOf(changelog) {
  const [, ...parts] = changelog.split(/^## /m);
  return parts.map((part) => {
    const [heading = '', ...lines] = part.split('\n');
    const [, version = '', date = ''] = /^\[([^\]]+)\](?: - (.+))?$/.exec(heading.trim()) ?? [];
    return { version, date, text: lines.join('\n').trim() };
  });
}

/** Orders versions; one with a suffix comes before the one without. */
function compare(a, b) {
  const [left, right] = [a, b].map((version) => versionPattern.exec(version) ?? []);
  const numbers = [1, 2, 3].map((part) => Number(left[part]) - Number(right[part]));
  const difference = numbers.find((each) => each !== 0) ?? 0;
  if (difference !== 0 || left[4] === right[4]) return difference;
  if (left[4] === undefined) return 1;
  if (right[4] === undefined) return -1;
  return left[4].localeCompare(right[4], 'en', { numeric: true });
}
