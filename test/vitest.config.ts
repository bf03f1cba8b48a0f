import { defineConfig } from 'vitest/config';

/** Where CI wants the counts of a run, as JSON. */
const report = process.env['TARSEAL_TEST_REPORT'];

export default defineConfig({
  test: {
    reporters: report === undefined ? ['default'] : ['default', ['json', { outputFile: report }]],
    include: ['test/**/*.test.ts'],
    // Oracle tests spawn GNU tar and the built program; two cores and a cold cache need more than the default 5 s.
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
