"""The panel opens, follows the scene, and leaves nothing behind when it is reloaded or the scene is closed."""

import slicer
import slicer.util
from SemanticSegTestCase import SemanticSegTestCase, observers, observing

STEPS = ("labelsSection", "scribbleSection", "trainSection", "applySection")


class SemanticSegPanelTest(SemanticSegTestCase):
    """The panel as a whole."""

    def sections(self):
        ui = slicer.util.childWidgetVariables(self.widget.panel.widget)
        return [getattr(ui, name) for name in STEPS]

    def test_the_panel_opens_with_four_steps_below_each_other(self):
        sections = self.sections()
        self.assertEqual([section.text.split()[0] for section in sections], ["1", "2", "3", "4"])
        self.assertTrue(all(section.isVisible() for section in sections))
        places = [section.y for section in sections]
        self.assertEqual(places, sorted(set(places)))

    def test_the_steps_of_training_and_applying_say_what_is_missing(self):
        for possible, reason in (self.logic.training.canStart(), self.logic.results.canApply()):
            self.assertFalse(possible)
            self.assertGreater(len(reason), 10)

    def test_a_volume_that_is_loaded_and_chosen_is_what_is_scribbled_on(self):
        volume = self.addHead()
        self.assertIs(self.logic.scribbles.volume, volume)

    def test_leaving_the_module_and_coming_back_keeps_labels_and_strokes(self):
        self.addHead()
        self.scribble(*self.addHalves())
        tree, counts = self.logic.labels.tree, dict(self.logic.scribbles.counts)
        slicer.util.selectModule("Volumes")
        slicer.app.processEvents()
        slicer.util.selectModule("SemanticSeg")
        slicer.app.processEvents()
        self.assertEqual((self.logic.labels.tree, self.logic.scribbles.counts), (tree, counts))

    def test_closing_the_scene_empties_the_panel(self):
        self.addHead()
        self.scribble(*self.addHalves())
        slicer.mrmlScene.Clear(False)
        self.assertIsNone(self.logic.labels.tree)
        self.assertIsNone(self.logic.scribbles.node)
        self.assertIsNone(self.logic.parameters.volume)
        self.addHead()
        self.scribble(*self.addHalves())
        self.assertEqual(len(self.logic.scribbles.counts), 2)

    def test_closing_scenes_leaves_no_observers(self):
        counts = []
        for _ in range(3):
            self.addHead()
            self.scribble(*self.addHalves())
            self.wait(0.2)
            slicer.mrmlScene.Clear(False)
            self.wait(0.2)
            counts.append(observers(slicer.mrmlScene, self.logic.parameters.parameterNode))
        self.assertEqual(counts, [counts[0]] * 3)

    def test_use_cases_that_are_cleaned_up_observe_nothing(self):
        from SemanticSegLib.logic.Logic import SemanticSegLogic

        watched = self.nodes()
        before = observers(*watched)
        another = SemanticSegLogic()
        for fewer, more in zip(before, observers(*watched), strict=True):
            self.assertLess(fewer, more, "or this would find nothing")
        another.cleanup()
        del another
        self.assertEqual(observers(*watched), before)

    def test_reloading_leaves_no_observers(self):
        watched = self.nodes()
        old = observing(*watched)
        self.assertGreater(len(old), 10, "or this would find nothing")
        self.widget.onReload()
        self.logic.models.root = self.folder / "models"
        self.wait(0.3)
        new = observing(*watched)
        self.assertEqual(len(new), len(old))
        self.assertEqual([one for one in new if any(one is other for other in old)], [])

    def nodes(self):
        """All that the module observes, once there are labels and strokes."""
        volume = self.addHead()
        self.scribble(*self.addHalves())
        self.wait(0.2)
        chosen = self.logic.parameters
        return slicer.mrmlScene, chosen.parameterNode, chosen.tree, chosen.scribbles, volume

    def test_a_panel_that_was_reloaded_hears_nothing_more(self):
        self.addHead()
        self.scribble(*self.addHalves())
        old, heard = self.logic, []
        for signal in (old.labels.treeChanged, old.scribbles.countsChanged, old.training.changed, old.results.changed):
            signal.connect(lambda *news: heard.append(news))
        old.labels.rename(old.labels.tree.root.id, "whole head")
        self.assertTrue(heard, "or this would find nothing")
        self.widget.onReload()
        self.assertIsNot(self.logic, old)
        self.logic.models.root = self.folder / "models"
        self.wait(0.3)
        heard.clear()
        self.assertEqual(self.logic.labels.tree.root.name, "whole head")
        self.logic.labels.add(self.logic.labels.tree.root.id, "neck")
        slicer.mrmlScene.Clear(False)
        self.addHead()
        self.wait(0.3)
        self.assertEqual(heard, [])
