# Counts the tests of raw TAP: a test is what stands directly under a file. A file that fails without one failing (it threw, it timed
# out) is one failure. In CI a skip is a failure: a test that did not run proves nothing.
/^    ok / && !/# SKIP/ { passed++ }
/^# Subtest: / { file = substr($0, 12) }
/^    not ok / && !/# (TODO|SKIP)/ { failed++; inner++; print "FAILED: " file ": " substr($0, 12) }
# What the first assertion of it says, to find it by.
/^        not ok / && !/# (TODO|SKIP)/ { print "        " file ": " substr($0, 16) }
/^ *(not )?ok .*# SKIP/ { skipped++; sub(/^ */, ""); print "SKIPPED: " $0 }
/^not ok / { if (!inner) { failed++; print "FAILED: " substr($0, 8) } inner = 0 }
/^ok / { inner = 0 }
END {
  if (ci == "true") failed += skipped
  if (status && !failed) failed = 1
  if (!passed && !failed) { print "no test ran"; failed = 1 }
  if (skipped) printf "%d skipped\n", skipped
  printf "%d passed, %d failed\n", passed, failed
  exit failed > 0
}
