"""Further names of files as public documents, repositories and issues have them, in short.

Each row has who names files so, and a set of them: a form with its counters, their values
(the first of each gives the name), the pattern that has to be proposed first, whether that is
sure, (t, c, planes), and the number of positions.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple


class Cited(NamedTuple):
    """A name, and what has to be proposed for its set."""

    source: str
    form: str  # with counters as {0}, {1}, ...
    axes: tuple[str, ...]  # values of each, with spaces between them; ~ is a space in them
    pattern: str
    sizes: tuple[int, int, int]  # time points, channels, planes
    sure: bool = True
    positions: int = 1

    @property
    def names(self) -> list[str]:
        """All names of the set, the cited one first."""
        values = [axis.replace("~", "\0").split() for axis in self.axes]
        return [self.form.format(*row).replace("\0", " ") for row in itertools.product(*values)]


def up(first: int, count: int, width: int = 1, step: int = 1) -> str:
    """Values that count up."""
    return " ".join(f"{first + step * index:0{width}d}" for index in range(count))


CITED = (
    # light sheets
    Cited("ClearMap, test data of an UltraMicroscope",
          "16-17-27_0_8X-s3-20HF_UltraII_C00_xyz-Table Z{}.ome.tif", (up(1000, 9, 4),),
          "16-17-27_0_8X-s3-20HF_UltraII_C{c}_xyz-Table Z{z}.ome.tif", (1, 1, 9)),
    Cited("ClearMap, stitching tests",
          "14-22-21_TH-s3-ov45-na004_UltraII[{}]_C00_xyz-Table Z{}.ome.tif",
          ("00~x~00 01~x~00", up(0, 3, 4)),
          "14-22-21_TH-s3-ov45-na004_UltraII{tile}_C{c}_xyz-Table Z{z}.ome.tif", (1, 1, 3),
          positions=2),
    Cited("TeraStitcher wiki, supported volume formats: two levels of folders",
          "{0}/{0}_{1}/{2}.tif", ("000000 005000", "000000 004000", up(0, 4, 6, 10)), "",
          (1, 1, 4), positions=4),
    Cited("Keller lab, keller-lab-block-filetype and scripts: SiMView",
          "SPM00/TM{0}/SPM00_TM{0}_CM{1}_CHN{2}.tif", (up(0, 3, 6), "00 01", "00 01"), "",
          (3, 4, 1), sure=False),
    Cited("Luxendo MuVi SPIM, folders of conversion scripts",
          "stack_{}_channel_{}_obj_left/Cam_left_{}.tif", (up(0, 2), up(0, 2), up(0, 3, 5)),
          "stack_{p}_channel_{c}_obj_left/Cam_left_{t}.tif", (3, 2, 1), positions=2),
    Cited("LaVision Blaze, names with a tile", "10-13-53_x_Blaze[{}]_C{}_xyz-Table Z{}.ome.tif",
          ("02~x~01 02~x~02", "01 02", up(0, 4, 4)),
          "10-13-53_x_Blaze{tile}_C{c}_xyz-Table Z{z}.ome.tif", (1, 2, 4), positions=2),
    # screens
    Cited("EZStitcher, microscope formats: Opera Phenix", "r01c01f{}p{}-ch{}sk1fk1fl1.tiff",
          (up(1, 2, 3), up(1, 3, 2), "1 2"), "", (1, 2, 3), positions=2),
    Cited("cellpainting-gallery, JUMP pilot", "r01c01f{}p01-ch{}sk1fk1fl1.tiff",
          (up(1, 3, 2), "1 2 3"), "", (1, 3, 1), positions=3),
    Cited("Acquifer IM, parser of file names",
          "-A001--PO01--LO{}--CO{}--SL{}--PX32500--PW0080--IN0020--TM244--X014580--Y011262"
          "--Z209501--T1374031802--WE00001.tif",
          (up(1, 3, 3), "6 4", up(1, 4, 3)), "", (3, 2, 4)),
    Cited("MIA, file name extractors: Yokogawa CV7000",
          "AssayPlate_Greiner_#655090_C02_T{}F{}L01A01Z{}C{}.tif",
          (up(1, 2, 4), up(1, 2, 3), up(1, 3, 2), "01 02"), "", (2, 2, 3), positions=2),
    Cited("MIA, tests of names: Yokogawa CV1000", "W1F{}T{}Z{}C{}.tif",
          (up(1, 2, 3), up(1, 3, 4), up(1, 3, 2), "1 2"), "", (3, 2, 3), positions=2),
    Cited("EZStitcher, microscope formats: ImageXpress with steps of z",
          "TimePoint_1/ZStep_{}/A01_s{}_w{}.tif", (up(1, 3), "1 2", "1 2"),
          "TimePoint_{t}/ZStep_{z}/A01_s{p}_w{c}.tif", (1, 2, 3), positions=2),
    # mesoSPIM, and others with tiles and sides
    Cited("mesoSPIM, annotation of its metadata", "KC34_overview_Mag2x_Tile{}_Ch{}_Sh{}_Rot0.tiff",
          (up(0, 2), "488 561", "0 1"), "KC34_overview_Mag2x_Tile{tile}_Ch{c}_Sh{p}_Rot0.tiff",
          (1, 2, 1), positions=4),
    Cited("brainglobe, CHICKADEE scan", "CHICKADEE_Mag1.25x_Tile0_Ch{}_Sh0_Rot0.tiff",
          ("561 488",), "CHICKADEE_Mag1.25x_Tile0_Ch{c}_Sh0_Rot0.tiff", (1, 2, 1)),
    Cited("bigstitcher and multiview-reconstruction, examples", "spim_TL{}_Angle0.tif",
          (up(18, 5),), "spim_TL{t}_Angle0.tif", (5, 1, 1)),
    Cited("bigstitcher and multiview-reconstruction, angles", "spim_TL18_Angle{}.tif",
          ("0 45 90",), "", (1, 1, 1), sure=False, positions=3),
    Cited("4D series of SiMView, LoadTest", "SPM00_TM{}_CM00_CHN00.tif", (up(0, 4, 6),),
          "SPM00_TM{t}_CM00_CHN{c}.tif", (4, 1, 1)),
    Cited("multiview-reconstruction, issue 29: MetaMorph", "test3_w{}_s{}.TIF",
          ("1conf488 2conf405", "1 2"), "", (1, 2, 1), sure=False, positions=2),
    # Olympus, Nikon, Keyence, Leica
    Cited("forum and readers of OIF: FluoView", "s_C{}Z{}T{}.tif",
          ("001 002", up(1, 4, 3), up(1, 3, 3)), "s_C{c}Z{z}T{t}.tif", (3, 2, 4)),
    Cited("FluoView, folders of a z-stack", "s_C001Z{}.tif", (up(1, 9, 3),), "s_C001Z{z}.tif",
          (1, 1, 9)),
    Cited("FluoView, name patterns: time", "s_C{}T{}.tif", ("001 002", up(1, 9, 3)),
          "s_C{c}T{t}.tif", (9, 2, 1)),
    Cited("NIS-Elements, aging chip", "xy{}c{}.tif", ("01 02 03", "1 2"), "xy{p}c{c}.tif",
          (1, 2, 1), positions=3),
    Cited("NIS-Elements, sequences", "260430_t{}xy{}c{}.tif", (up(1, 3, 3), "01 02", "1 2"),
          "260430_t{t}xy{p}c{c}.tif", (3, 2, 1), positions=2),
    Cited("NIS-Elements, multipoint and time", "xy{}t{}.tif", ("01 02", up(1, 5, 2)),
          "xy{p}t{t}.tif", (5, 1, 1), positions=2),
    Cited("NIS-Elements, scan of tiles", "tile_x{}_y{}_z{}_0001.tif",
          (up(1, 2, 3), up(1, 2, 3), up(1, 4, 3)), "", (1, 1, 4), sure=False, positions=4),
    Cited("NIS-Elements, tiles", "tile_x{}_y{}.tif", (up(1, 2, 3), up(1, 3, 3)), "", (1, 1, 1),
          sure=False, positions=6),
    Cited("Keyence, image names", "Image_XY{}_Z{}_CH{}.tif", ("02 03", up(1, 4, 3), "1 2 3"),
          "Image_XY{p}_Z{z}_CH{c}.tif", (1, 3, 4), positions=2),
    Cited("Keyence, with regions", "1_XY{}_00001_Z{}_CH{}.tif", ("01 02", up(1, 4, 3), "1 2"),
          "1_XY{p}_00001_Z{z}_CH{c}.tif", (1, 2, 4), positions=2),
    Cited("CODEX, czi2codex", "cyc001_reg001/1_00001_Z{}_CH{}.tif", (up(1, 4, 3), "1 2 3 4"),
          "cyc001_reg001/1_00001_Z{z}_CH{c}.tif", (1, 4, 4)),
    Cited("CODEX, regions", "cyc001_reg{}/1_00001_Z{}_CH{}.tif", ("001 002", up(1, 4, 3), "1 2"),
          "cyc001_reg{p}/1_00001_Z{z}_CH{c}.tif", (1, 2, 4), positions=2),
    Cited("Leica, segmentation of embryos", "Embryo01_t{}_z{}_ch{}.tif",
          (up(0, 3, 2), up(0, 4, 2), "00 01"), "Embryo01_t{t}_z{z}_ch{c}.tif", (3, 2, 4)),
    # screens
    Cited("spacr, regular expressions: CQ1", "W0001F{}T{}Z{}C{}.tif",
          (up(1, 2, 4), up(1, 2, 4), up(1, 3, 3), "1 2"), "W0001F{p}T{t}Z{z}C{c}.tif", (2, 2, 3),
          positions=2),
    Cited("spacr, file names: stitched", "A01_F0001_T{}_Z{}_C{}.tif",
          (up(1, 3, 4), up(4, 3, 4), "01 02"), "A01_F0001_T{t}_Z{z}_C{c}.tif", (3, 2, 3)),
    Cited("spacr, file names: stacks", "A01_F{}_C{}.tif", (up(1, 3, 3), "01 02"), "", (1, 2, 1),
          sure=False, positions=3),
    Cited("cell painting gallery, source 10", "Dest210809-141456_K06_T0001F{}L01A01Z01C{}.tif",
          (up(1, 4, 3), "01 02 03"), "Dest210809-141456_K06_T0001F{p}L01A01Z01C{c}.tif", (1, 3, 1),
          positions=4),
    Cited("microscopium, Cellomics", "MFGTMP_140206180002_A01f{}d{}.TIF", (up(0, 4, 2), "0 1 2"),
          "MFGTMP_140206180002_A01f{p}d{c}.TIF", (1, 3, 1), positions=4),
    Cited("ImageXpress, parsers of paths", "val screen_B02_s{}_w{}.tif", (up(1, 4), "1 2 3"),
          "val screen_B02_s{p}_w{c}.tif", (1, 3, 1), positions=4),
    Cited("EZStitcher, microscope formats: ImageXpress, two wells", "{}_s{}_w{}.tif",
          ("A01 B02", "1 2", "1 2"), "{p}_s{tile}_w{c}.tif", (1, 2, 1), positions=4),
    Cited("EZStitcher, microscope formats: Opera Phenix, planes",
          "r01c01f001p{}-ch1sk1fk1fl1.tiff", (up(1, 5, 2),), "", (1, 1, 5)),
    Cited("JUMP, broad babel and others: wells", "r{}c{}f01p01-ch{}sk1fk1fl1.tiff",
          ("02 03", "02 07", "1 2"), "", (1, 2, 1), positions=4),
    Cited("Acquifer IM, wells in a video script",
          "-A{}--PO01--LO{}--CO1--SL001--PX32500--PW0070--IN0020--TM280--X014600--Y011401"
          "--Z214683--T0000000000--WE00001.tif",
          ("001 002", up(1, 3, 3)), "", (3, 1, 1), positions=2),
    Cited("SWI analysis, imaging notes", "basename_t{}_s{}_w1GFP.stk.tif", (up(1, 3), "1 2"),
          "basename_t{t}_s{p}_w1GFP.stk.tif", (3, 1, 1), sure=False, positions=2),
    Cited("MetaMorph, tissue arrays", "A10_TMAd_w1DAPI_s{}.TIF", (up(1, 5),), "", (1, 1, 1),
          sure=False, positions=5),
    # dates and times
    Cited("Incucyte, counting of spots", "VID1607_C1_2_{}.tif", ("00d00h00m 00d11h45m 01d00h00m",),
          "VID1607_C{c}_2_{t}d{t2}h{t3}m.tif", (3, 1, 1)),
    Cited("Incucyte, folders of channels", "{}/B10_1_{}.tif",
          ("phase green", "00d00h00m 00d03h00m"), "{c}/B10_1_{t}d{t2}h{t3}m.tif", (2, 2, 1)),
    Cited("Incucyte, wells in a macro", "R2_MDF_green_{}_1_{}.tif",
          ("B2 C3", "00d00h00m 00d02h00m 00d04h00m"), "", (3, 1, 1), positions=2),
    Cited("mobie-viewer-fiji, issue 1077", "cell_{}.tif",
          ("20240305T235930 20240305T235945 20240306T000000",), "cell_{t}T{t2}.tif", (3, 1, 1)),
    # exports
    Cited("bioformats, issue 2490", "output_xy0z{}c{}t{}.ome.tif", (up(0, 3), "0 1", up(0, 12)),
          "output_xy0z{z}c{c}t{t}.ome.tif", (12, 2, 3)),
    Cited("bfconvert, names of planes", "series_5_Z{}_C{}_T{}.tif", (up(0, 3), "0 1", up(0, 4)),
          "series_5_Z{z}_C{c}_T{t}.tif", (4, 2, 3)),
    Cited("ImageJ, Image Sequence of a hyperstack", "set11_STLC_cell1_R3D_D3D_t{}_c{}.tif",
          (up(1, 4, 3), "001 002"), "set11_STLC_cell1_R3D_D3D_t{t}_c{c}.tif", (4, 2, 1)),
    Cited("ImageJ, Image Sequence with planes", "MAX_t{}_z{}_c{}.tif",
          (up(1, 3, 3), up(1, 4, 3), "001 002"), "MAX_t{t}_z{z}_c{c}.tif", (3, 2, 4)),
    Cited("Cell Tracking Challenge, sequences", "01/t{}.tif", (up(0, 9, 3),), "01/t{t}.tif",
          (9, 1, 1)),
    Cited("cellfinder, folders of planes", "561/image_{}.tif", (up(0, 9, 4),), "", (9, 1, 1),
          sure=False),
    Cited("Micro-Manager 2, grids of positions", "1-Pos_{}/img_{}_GFP_{}.tif",
          ("000_000 000_001", up(0, 3, 9), up(0, 4, 3)), "{p}/img_{t}_GFP_{z}.tif", (3, 1, 4),
          positions=2),
    Cited("Micro-Manager 1.4, a channel a word", "img_{}_{}_{}.tif",
          (up(0, 3, 9), "GFP Cy3_Long", "000"), "img_{t}_{c}_000.tif", (3, 2, 1)),
    Cited("LLSpy, a folder too high", "cell5/cell5_ch{}_stack{}_488nm.tif", ("0 1", up(0, 3, 4)),
          "cell5/{name}_ch{c}_stack{t}_{wave}nm.tif", (3, 2, 1)),
    Cited("openmicroscopy.org, a file a channel, more than twelve of them",
          "tubhiswt_C{}.ome.tif", (up(0, 15),), "tubhiswt_C{c}.ome.tif", (1, 15, 1)),
    # two photons
    Cited("roiextractors, ThorImage", "ChanA_001_001_001_{}.tif", (up(1, 9, 3),),
          "ChanA_001_001_001_{t}.tif", (9, 1, 1)),
    Cited("ThorImage, z-stacks in time", "Chan{}_001_001_{}_{}.tif",
          ("A B", up(1, 3, 3), up(1, 4, 3)), "Chan{c}_001_001_{z}_{t}.tif", (4, 2, 3)),
    Cited("Prairie View, ACPI2024", "mouse01_SHG_810nm-011_Cycle00001_Ch1_{}.ome.tif",
          (up(1, 9, 6),), "", (9, 1, 1), sure=False),
    Cited("Prairie View, ZSeries", "ZSeries-20160812_Cell3_dist12-001_Cycle00001_Ch{}_{}.ome.tif",
          ("1 2", up(1, 5, 6)), "", (1, 2, 5)),
)  # fmt: skip
