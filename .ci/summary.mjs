// Lists the tests that were skipped, then closes with the one line that says how many passed, in the JSON report of vitest.
import { readFileSync } from 'node:fs';

const [reportFile] = process.argv.slice(2);
const report = JSON.parse(readFileSync(reportFile, 'utf8'));

for (const file of report.testResults) {
  for (const test of file.assertionResults) {
    if (test.status !== 'passed' && test.status !== 'failed') console.log(`not run (${test.status}): ${test.fullName}`);
  }
}

// A file can fail without a failing test: a syntax error, a failing import or a failing hook. It counts as one.
const brokenFiles = report.testResults.filter(
  (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
);
const failed = report.numFailedTests + brokenFiles.length;
const skipped = report.numPendingTests > 0 ? `, ${report.numPendingTests} skipped` : '';
console.log(`${report.numPassedTests} passed, ${failed} failed${skipped}`);
