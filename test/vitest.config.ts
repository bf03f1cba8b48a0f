import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Oracle tests spawn GNU tar and the built program; two cores and a cold cache need more than the default 5 s.
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
