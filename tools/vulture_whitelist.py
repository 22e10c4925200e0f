"""Names that only look unused to vulture, each with who uses it. Read by `make lint`, never run."""

# click calls these on the command group of openjd_vstitcher/cli/__init__.py.
_.list_commands
_.get_command
_.format_commands

# click finds the class by its decorator and calls these on it: openjd_vstitcher/cli/completion.py.
_.PowerShellComplete
_.source_template
_.get_completion_args
_.format_completion

# openjd_vstitcher/cli/jobs.py calls these methods of the queue by the name of its command.
_.request_cancel
_.retry

# Standard library and third-party packages read or call these.
_.external_attr  # zipfile.ZipInfo
_.compress_type  # zipfile.ZipInfo
_.text_factory  # sqlite3.Connection
_.row_factory  # sqlite3.Connection
_.limit_flags  # Windows, by the layout of a ctypes structure
_.default_port  # http.client.HTTPConnection
_.on_any_event  # watchdog.events.FileSystemEventHandler
_.enter_field  # graphql.Visitor
_.ignore_aliases  # yaml.SafeDumper
_.__signature__  # inspect.signature
_.__qualname__  # tracebacks
_.encoding  # text streams
_.writable  # text streams

# pytest calls these hooks of tools/mutants.py and tools/coverage_contexts.py; Python reads the attribute of sys.
_.pytest_runtest_logstart
_.pytest_runtest_logreport
_.pytest_sessionfinish
_.dont_write_bytecode

# BwApi decides these names and numbers of arguments.
_.data_string  # callbacks of the plugin and of the stand-in
_.optimized  # EdgeCreateAsPolyline
_.pointId  # a struct that scripts fill in
_.gradeId  # a struct that scripts fill in
draw_place  # an argument of MaterialContainerCreate
_.HTML_LOAD  # constants of BwApi, like the next ones
_.HTML_CLOSE
_.HTML_MSG
_.HTML_UNCAUGHT_EXCEPTION
_.ASSET_LIB_INITIALIZE
_.ASSET_LIB_DOWNLOAD_ASSET
_.ASSET_LIB_OPEN_EXTERNAL_LINK
_.ASSET_LIB_REFRESH
_.created_date  # a garment's field, written into its information

# Fields of values that cross a boundary; tests read them.
_.created_at  # openjd_vstitcher/platform/values.py: Job
_.not_before  # openjd_vstitcher/platform/values.py: Job
_.ended_at  # openjd_vstitcher/platform/values.py: Job
_.mutation_type  # openjd_vstitcher/presets.py: Mutation

# Found by their names at run time.
_.supervise  # openjd_vstitcher/engine/command.py
_.LocalStorage  # openjd_vstitcher/storage/adapters.py
_.S3Storage  # openjd_vstitcher/storage/adapters.py
_.HelloWorld  # pyproject.toml: an entry point
_.NwbRasterPlot  # pyproject.toml: an entry point
_.CountWords  # examples/handlers/
_.collect  # of prometheus_client's Collector
_.capabilities  # openjd_vstitcher/api/runner.py: what a runner may send
