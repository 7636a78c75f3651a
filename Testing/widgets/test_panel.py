"""The parts of the panel together, where no step alone would show it."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
from host import gestures
from host.scripted_panel import Panel
from widgets.story_desk import Story

from SemanticSegLib.nodes.VolumeNodes import addVolume, volumeGrid


@pytest.fixture
def story(head_volume: slicer.vtkMRMLScalarVolumeNode, panel: Panel) -> Story:
    made = Story(panel)
    assert made.logic.parameters.volume is head_volume
    return made


def second(volume: slicer.vtkMRMLScalarVolumeNode) -> slicer.vtkMRMLScalarVolumeNode:
    """Another volume on the same voxels."""
    grid = volumeGrid(volume)
    made = addVolume(slicer.mrmlScene, "Second", np.zeros(grid.shape, dtype=np.int16), grid)
    gestures.process_events()
    return made


def test_a_channel_chosen_as_the_volume_counts_once(story, head_volume):
    other, parameters = second(head_volume), story.logic.parameters
    gestures.click(story.sections.channelsButton)
    story.sections.channelsSelector.setCheckState(other, 2)
    assert list(parameters.furtherChannels) == [other]
    assert story.sections.channelsButton.text == "2 channels"
    parameters.volume = other
    assert list(parameters.furtherChannels) == []
    assert story.logic.training.cases.own.volumes == (other,)
    assert story.sections.channelsButton.text == "+ channels"
