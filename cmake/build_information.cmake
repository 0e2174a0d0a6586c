# Run at every build: writes ${OUTPUT}, a header with what this build is, and touches it only if that has changed.
execute_process(COMMAND git describe --always --abbrev=40 --exclude=* --dirty
  WORKING_DIRECTORY ${SOURCE} OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  set(commit "unknown")  # built from an archive
endif()
file(CONFIGURE OUTPUT ${OUTPUT} CONTENT [[#pragma once
#define TRANSFORMLET_VERSION "@VERSION@"
#define TRANSFORMLET_COMMIT "@commit@"
#define TRANSFORMLET_BUILD_TYPE "@BUILD_TYPE@"
#define TRANSFORMLET_YAML_CPP_VERSION "@YAML_CPP_VERSION@"
]] @ONLY)
