"""A result goes out as DICOM SEG through Slicer's own exporter, and comes back with the same codes and voxels."""

import numpy as np
import slicer
import slicer.util
from SemanticSegTestCase import SemanticSegTestCase, tag

PLUGIN = "DICOMSegmentationPlugin"


class SemanticSegDicomTest(SemanticSegTestCase):
    """What needs Slicer's DICOM modules."""

    def setUp(self):
        super().setUp()
        if PLUGIN not in getattr(slicer.modules, "dicomPlugins", {}):
            self.skipTest("Slicer's DICOM segmentation plugin is not here; it is a part of Slicer 5.12.")
        if not hasattr(slicer.modules, "createdicomseries"):
            self.skipTest("Slicer's module Create DICOM Series is not here, which writes the images for this test.")
        from DICOMLib import DICOMPlugin

        try:
            DICOMPlugin._dcmqi_binary("itkimage2segimage")
        except RuntimeError as error:
            self.skipTest(f"Slicer's exporter lacks its converter: {error}")

    def test_names_codes_and_voxels_survive_export_and_import(self):
        from DICOMLib import DICOMUtils

        with DICOMUtils.TemporaryDICOMDatabase(str(self.folder / "database")):
            volume = self.volumeFromDicom()
            result = self.resultOf(volume)
            before = self.contents(result, volume)
            self.assertEqual(len(before), 2)
            again = self.exportedAndLoaded(result)
            self.assertEqual(self.contents(again, volume), before)

    def volumeFromDicom(self):
        """The head, written as a series of DICOM images and loaded from there, as the exporter asks."""
        from DICOMLib import DICOMUtils

        images = self.folder / "images"
        images.mkdir()
        parameters = {
            "inputVolume": self.addHead().GetID(),
            "dicomDirectory": str(images),
            "dicomPrefix": "IMG",
            "patientName": "Test^SemanticSeg",
            "patientID": "SemanticSegTest",
            "modality": "MR",
            "seriesDescription": "Head",
            "seriesNumber": "1",
        }
        job = slicer.cli.runSync(slicer.modules.createdicomseries, None, parameters)
        self.assertFalse(job.GetStatus() & job.ErrorsMask, job.GetErrorText())
        self.assertTrue(DICOMUtils.importDicom(str(images), slicer.dicomDatabase))
        patient = slicer.dicomDatabase.patients()[0]
        loaded = [slicer.mrmlScene.GetNodeByID(nodeId) for nodeId in DICOMUtils.loadPatientByUID(patient)]
        volume = next(node for node in loaded if node.IsA("vtkMRMLScalarVolumeNode"))
        self.logic.parameters.volume = volume
        return volume

    def resultOf(self, volume):
        """Liver and spleen with codes of SNOMED CT, as this module writes results."""
        from SemanticSegLib.nodes.SegmentationNodes import addSegmentation
        from semseg_core.labels.presets.catalog import load_preset

        tree = load_preset("ct-organs")
        answers = np.zeros(slicer.util.arrayFromVolume(volume).shape, dtype=np.int32)
        answers[2:9, 4:20, 3:11], answers[5:12, 8:25, 14:22] = tree.find("liver").id, tree.find("spleen").id
        node = addSegmentation(slicer.mrmlScene, "Result", answers, volume, tree)
        for index in range(node.GetSegmentation().GetNumberOfSegments()):
            self.assertTrue(tag(node.GetSegmentation().GetNthSegment(index), "TerminologyEntry"))
        return node

    def exportedAndLoaded(self, segmentation):
        """The node that Slicer makes of the file that it wrote."""
        hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
        plugin = slicer.modules.dicomPlugins[PLUGIN]()
        exportables = plugin.examineForExport(hierarchy.GetItemByDataNode(segmentation))
        self.assertEqual(len(exportables), 1)
        target = self.folder / "exported"
        target.mkdir()
        exportables[0].directory = str(target)
        self.assertEqual(plugin.export(exportables), "")
        files = [str(path) for path in target.rglob("*.dcm")]
        self.assertEqual(len(files), 1)
        present = set(slicer.util.getNodesByClass("vtkMRMLSegmentationNode"))
        (loadable,) = plugin.examineFiles(files)
        self.assertTrue(plugin.load(loadable))
        (loaded,) = set(slicer.util.getNodesByClass("vtkMRMLSegmentationNode")) - present
        return loaded

    def contents(self, node, volume):
        """By name of segment: codes without their words, who made it, and how many voxels it has."""
        found = {}
        segmentation = node.GetSegmentation()
        for index in range(segmentation.GetNumberOfSegments()):
            segment = segmentation.GetNthSegment(index)
            voxels = slicer.util.arrayFromSegmentBinaryLabelmap(node, segmentation.GetNthSegmentID(index), volume)
            _context, *codes = tag(segment, "TerminologyEntry").split("~")
            del codes[3]  # the context of regions
            found[segment.GetName()] = (
                [tuple(code.split("^")[:2]) for code in codes],
                tag(segment, "DICOM.SegmentAlgorithmType"),
                tag(segment, "DICOM.SegmentAlgorithmName"),
                np.count_nonzero(voxels),
            )
        return found
