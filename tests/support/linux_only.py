"""The tests that need Linux or another POSIX system, by name, and why. `conftest` skips them where they cannot run.

On Linux, no test is skipped.
"""

from __future__ import annotations

import sys

POSIX: dict[str, dict[str, tuple[str, ...]]] = {
    "it creates a named pipe, a socket or a device": {
        "cli/test_check_notebooks.py": ("test_pipe_is_not_read",),
        "runs/test_one_run.py": ("test_unreadable_history_is_reported_in_one_sentence",),
        "store/test_damaged.py": ("test_anything_instead_of_the_file_affects_only_that_profile",),
        "transfer/test_odd_files.py": (
            "test_an_object_with_the_name_of_a_partial_file_is_not_touched",
            "test_each_path_that_is_taken_is_reported_in_one_row",
            "test_objects_that_are_not_files_are_refused",
            "test_a_pipe_or_device_is_refused",
        ),
    },
    "it creates links, for which Windows needs a privilege": {
        "cli/test_lab.py": ("test_nothing_is_written_through_a_link",),
        "cli/test_run.py": ("test_work_folder_of_a_killed_run_is_removed",),
        "frames/test_cells.py": ("test_link_and_permissions_are_kept",),
        "runs/test_one_run.py": (
            "test_only_own_old_logs_are_removed",
            "test_nothing_is_written_through_the_link_of_another_user",
        ),
        "store/test_files.py": ("test_a_symlink_stays_a_symlink",),
        "transfer/test_odd_files.py": (
            "test_a_file_system_that_merges_two_names_is_detected",
            "test_a_link_to_a_folder_is_not_written_through",
            "test_a_link_created_during_a_download_is_not_written_through",
            "test_a_link_created_after_the_check_is_not_written_through",
        ),
        "transfer/test_transfer.py": (
            "test_existing_files_are_replaced_only_with_overwrite",
            "test_a_link_in_the_target_folder_is_not_followed",
            "test_files_that_cannot_be_uploaded_are_refused",
        ),
    },
    "it limits the size of files (resource)": {
        "harvest/test_harvest_failures.py": ("test_a_file_size_limit_is_said",),
        "cli/test_lab.py": ("test_full_disk_leaves_no_partial_file",),
        "cli/test_run.py": (
            "test_full_disk",
            "test_full_disk_and_expired_token_in_a_script",
        ),
        "faults/test_disk.py": ("test_a_full_disk_does_not_lose_the_sign_in",),
        "runs/test_one_run.py": ("test_report_is_complete_although_the_disk_is_full",),
        "store/test_files.py": ("test_a_full_disk_does_not_damage_the_previous_profile",),
        "test_chain.py": (
            "test_a_pair_that_cannot_be_saved_is_saved_by_the_next_call",
            "test_a_pair_of_the_sdk_is_not_lost_if_saving_fails",
        ),
    },
    "it sends SIGTERM, which no program on Windows can handle": {
        "cli/test_lab.py": ("test_jupyterlab_opens_the_first_notebook",),
        "runs/test_mail.py": (
            "test_terminated_run_is_reported",
            "test_signal_during_the_mail_does_not_stop_the_mail",
        ),
    },
    "it runs a POSIX shell": {
        "cli/test_run.py": ("test_scheduled_line_runs_the_notebook",),
        "cli/test_schedule_command.py": ("test_scheduled_script_runs",),
        "notebooks/test_guides.py": ("test_every_block_runs_and_prints_what_is_shown",),
        "runs/test_schedule.py": (
            "test_shell_runs_the_line_for_cron",
            "test_cron_runs_any_path",
        ),
        "signin/test_terminal.py": ("test_without_input_there_is_one_sentence",),
        "servers/test_refusals.py": ("test_secrets_in_another_backend",),
        "store/test_damaged.py": ("test_deleting_a_damaged_profile_deletes_its_secrets",),
    },
    "it forks (os.fork)": {
        "faults/test_crash.py": ("test_a_kill_at_any_point_does_not_lose_the_sign_in",),
        "faults/test_disk.py": (
            "test_a_read_only_folder_is_reported_before_the_refresh",
            "test_an_unreadable_file_is_reported_in_one_sentence",
            "test_a_file_of_another_user_is_refused",
        ),
        "faults/test_machine.py": ("test_a_valid_sign_in_is_not_lost_in_any_order_of_events",),
        "faults/test_rename.py": (
            "test_one_profile_has_the_pair_after_a_killed_rename",
            "test_a_killed_move_does_not_lose_secrets",
        ),
        "servers/test_many_processes.py": ("test_a_kill_at_any_point_loses_nothing",),
        "store/test_files.py": ("test_a_read_only_folder_is_reported",),
        "test_extras.py": ("test_every_name_works_after_import_boxnb_alone",),
    },
    "it reads file modes": {
        "harvest/test_harvest_failures.py": ("test_the_folder_is_private",),
        "runs/test_one_run.py": (
            "test_permissions_of_an_existing_folder_do_not_change",
            "test_saved_files_are_private_and_usable_with_any_umask",
        ),
        "store/test_files.py": (
            "test_file_and_folder_are_private",
            "test_a_file_that_others_can_read_is_made_private",
            "test_the_home_folder_is_private_for_any_umask",
            "test_a_home_folder_that_others_can_write_in_is_reported",
        ),
    },
    "it kills a process (SIGKILL)": {
        "harvest/test_harvest_events.py": ("test_a_killed_harvest_continues_with_what_is_missing",),
        "harvest/test_harvest_failures.py": ("test_two_processes_cannot_write_at_once",),
        "harvest/test_workers.py": (
            "test_processes_that_die_lose_nothing",
            "test_dask_workers_that_die_lose_nothing",
        ),
        "sandbox/test_control.py": ("test_a_killed_shared_sandbox_restarts_at_the_same_url",),
        "transfer/test_kills.py": (
            "test_a_changed_file_is_uploaded_from_the_start",
            "test_an_expired_session_is_replaced",
            "test_the_state_of_an_upload_is_private",
        ),
    },
    "it needs a pseudo-terminal (pty)": {
        "signin/test_terminal.py": (
            "test_a_pasted_address_signs_in_and_is_never_shown",
            "test_the_receiver_signs_in_while_the_prompt_waits",
            "test_no_escape_sequence_is_written",
            "test_the_countdown_runs_on_one_line",
            "test_a_wrong_answer_is_explained_and_the_next_one_signs_in",
            "test_an_expired_code_needs_a_new_link",
            "test_a_denial_is_explained",
            "test_a_wrapped_address_is_pasted_as_one",
            "test_another_account_must_be_confirmed",
            "test_a_bare_code_must_be_confirmed",
            "test_a_new_profile_registers_its_app",
            "test_each_answer_about_the_app_is_checked_at_once",
            "test_a_saved_sign_in_asks_for_nothing",
            "test_after_61_days_the_reason_precedes_the_link",
            "test_ctrl_c_at_the_prompt_says_what_is_saved",
            "test_ctrl_c_during_the_exchange_revokes_the_token",
            "test_sigterm_restores_the_terminal",
            "test_a_killed_process_leaves_the_profile_intact",
            "test_an_address_pasted_too_late_does_not_reach_the_shell",
            "test_the_input_is_hidden_again_after_a_suspension",
            "test_over_ssh_the_page_after_grant_is_explained",
            "test_the_browser_opens_only_if_asked",
            "test_without_a_browser_the_terminal_says_so",
            "test_an_empty_line_signs_in_to_the_sandbox",
            "test_the_sandbox_signs_in_through_its_page",
            "test_a_traceback_with_variables_shows_no_code",
        ),
        "transfer/test_transfer.py": ("test_a_bar_is_drawn_on_a_terminal",),
    },
    "it changes the time zone (time.tzset)": {
        "harvest/test_harvest_reading.py": ("test_times_in_sql_are_in_utc",),
        "store/test_property_list.py": ("test_a_local_time_stays_local",),
    },
    "it replaces fcntl.flock": {
        "test_auth.py": ("test_a_file_system_without_locks_is_reported",),
    },
}
"""Why a test needs Linux or macOS, and the names of those tests in each file below ``tests``."""

LINUX: dict[str, dict[str, tuple[str, ...]]] = {
    "it reads /proc": {
        "cli/test_run.py": (
            "test_sigterm_ends_a_run",
            "test_killed_run_ends_with_all_its_processes",
        ),
        "faults/test_crash.py": ("test_after_a_power_cut_the_old_or_the_new_pair_is_saved",),
        "sandbox/test_control.py": (
            "test_an_endless_body_does_not_use_memory",
            "test_a_private_sandbox_stops_when_its_owner_is_killed",
        ),
        "test_kernels.py": ("test_sandbox_of_a_lesson_ends_with_its_kernel",),
    },
    "it mounts a file (unshare)": {
        "store/test_files.py": ("test_a_file_that_is_a_mount_point_is_written_in_place",),
    },
}
"""Why a test needs Linux, in the same form."""


def reason(file: str, test: str, platform: str = sys.platform) -> str | None:
    """Return why a test cannot run on a platform, or ``None`` if it can. ``file`` is relative to ``tests``, with ``/``."""
    tables = {"linux": [], "darwin": [LINUX]}.get(platform, [POSIX, LINUX])
    for table in tables:
        for why, files in table.items():
            if test in files.get(file, ()):
                return f"needs Linux{'' if table is LINUX else ' or macOS'}: {why}"
    return None
