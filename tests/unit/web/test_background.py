"""Names of nodes: one process alone has each, and has it again after a restart."""

from pathlib import Path

from web.background import take_node_name


def test_processes_of_one_host_have_different_names_also_in_data_folders_of_their_own(tmp_path: Path) -> None:
    folders = tmp_path / "one", tmp_path / "other"
    for folder in folders:
        folder.mkdir()

    nodes = [take_node_name(folder) for folder in (*folders, *folders)]

    assert len({node.name for node in nodes}) == len(nodes)
    for node in nodes:
        node.give_back()


def test_a_restarted_process_has_its_name_again(tmp_path: Path) -> None:
    first, second = take_node_name(tmp_path), take_node_name(tmp_path)
    first.give_back()
    second.give_back()

    again = take_node_name(tmp_path)

    assert again.name == first.name
    again.give_back()


def test_a_name_is_made_anew_where_its_file_was_spoilt(tmp_path: Path) -> None:
    (tmp_path / "node-1.lock").write_bytes(b"\0\xff\0")

    spoilt = take_node_name(tmp_path)
    spoilt.give_back()
    again = take_node_name(tmp_path)

    assert again.name == spoilt.name
    assert "\0" not in again.name
    again.give_back()
