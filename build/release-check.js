// Stops a release that would not be one: `node build/release-check.js`, with the variables of GitHub Actions. Exit code 0 only where
// the repository has an owner, is the one that package.json names, and the tag is the version.

import { readFileSync } from 'node:fs';
import { repositoryOf } from './published.js';

const packageJson = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
const { GITHUB_REF_NAME: tag, GITHUB_REPOSITORY: repository } = process.env;
const { owner, name, isPlaceholder } = repositoryOf(packageJson);

const problems = [
  isPlaceholder &&
    `package.json names no owner yet: put one in the place of ${owner} in repository.url, then npm run docs`,
  repository !== `${owner}/${name}` && `this is the repository ${repository}, and package.json names ${owner}/${name}`,
  tag !== `v${packageJson.version}` && `the tag is ${tag}, and the version of package.json is ${packageJson.version}`,
].filter(Boolean);

for (const problem of problems) process.stderr.write(`no release: ${problem}\n`);
process.exitCode = problems.length === 0 ? 0 : 1;
