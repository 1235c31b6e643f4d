"""What `make check` leaves out."""

# Files and tests that train, wait, or start processes, seconds each: `make check` leaves them out.
SLOW = {
    "test_autograde_lab1.py",
    "test_autograde_lab2.py",
    "test_autograde_lab3.py",
    "test_checks_lab1.py",
    "test_checks_lab2.py",
    "test_checks_lab3.py",
    "test_cli.py",
    "test_explorers.py",
    "test_fit.py",
    "test_lab_notebooks.py",
    "test_processes.py",
    "test_recorded_runs.py",
    "test_recording.py",
    "test_runs_report.py",
    "test_a_recorded_table_is_what_numpy_makes_of_the_runs",
    "test_checking_imports_the_exercises_of_its_lesson_alone",
    "test_losses_import_torch_and_nothing_else",
    "test_memory_stays_flat_over_ten_thousand_images",
    "test_processes_that_wait_own_in_turn",
    "test_side_by_side_is_as_one_after_the_other",
    "test_still_writes_a_png",
    "test_symmetric_losses_keep_the_order_of_the_classifiers_and_ce_does_not",
    "test_two_processes_write_one_path",
}
