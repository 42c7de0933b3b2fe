"""Names of files as microscopes really write them, from public documents and repositories.

Each entry begins with a name that stands, as it is here, in the source named above it; the
others of its set are made from it by counting up its counters.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

Values = tuple[object, ...]


@dataclass(frozen=True)
class Known:
    """A name that is known, and what has to be proposed for the set it belongs to.

    Attributes
    ----------
    name
        The name, literally.
    form
        The same with its counters as ``{field}``; a field in ``clock`` counts along with t.
    axes
        The values of the counters; the first of each gives ``name``.
    pattern
        What has to be proposed first.
    sizes
        (t, c), or (t, c, pieces).
    sure
        Whether the names leave no doubt.
    positions
        The positions.
    clock
        Fields that are functions of t: first value and step.
    """

    name: str
    form: str
    axes: dict[str, Values]
    pattern: str
    sizes: tuple[int, ...]
    sure: bool = True
    positions: tuple[str, ...] = ()
    clock: dict[str, tuple[int, int, int]] = field(default_factory=dict)

    def names(self) -> list[str]:
        """All names of the set, the known one first."""
        found = []
        for values in itertools.product(*self.axes.values()):
            row = dict(zip(self.axes, values, strict=True))
            if "cw" in row:
                row["c"], row["w"] = str(row.pop("cw")).split()
            t = self.axes.get("t", (0,)).index(row.get("t", 0)) if "t" in self.axes else 0
            for key, (first, step, width) in self.clock.items():
                row[key] = f"{first + t * step:0{width}d}"
            found.append(self.form.format(**row))
        return found


def digits(first: int, count: int, width: int = 0, step: int = 1) -> Values:
    """Counters, with leading zeros."""
    return tuple(f"{first + step * index:0{width}d}" for index in range(count))


def _msec(absolute: int, step: int = 2520) -> dict[str, tuple[int, int, int]]:
    return {"rel": (0, step, 7), "abs": (absolute, step, 10)}


MSEC = "{rel}msec_{abs}msecAbs"
TWO = ("0 488", "1 560")

KNOWN: dict[str, Known] = {
    # tlambert03/LLSpy, documentation: "known issues", wavelengths with a suffix
    "llspy, suffix of the wavelength": Known(
        "cell5_ch0_stack0000_488nm-SB_0000000msec_0020931273msecAbs.tif",
        "cell5_ch{c}_stack{t}_{w}nm-SB_" + MSEC + ".tif",
        {"t": digits(0, 4, 4), "cw": TWO}, "{name}_ch{c}_stack{t}_{wave}nm-SB_*.tif", (4, 2),
        clock=_msec(20931273),
    ),
    # tlambert03/LLSpy, issue 14: relative times of more than seven digits
    "llspy, a day": Known(
        "cell1_ch0_stack0000_488nm_0000000msec_0007934731msecAbs.tif",
        "cell1_ch{c}_stack{t}_{w}nm_" + MSEC + ".tif",
        {"t": digits(0, 4, 4), "cw": TWO}, "{name}_ch{c}_stack{t}_{wave}nm_*.tif", (4, 2),
        clock=_msec(7934731, 30_000_000),
    ),
    # VolkerH/Lattice_Lightsheet_Deskew_Deconv, demo of the deskew
    "monash": Known(
        "cell4_ch0_stack0000_488nm_0000000msec_0007934731msecAbs.tif",
        "cell4_ch0_stack{t}_488nm_" + MSEC + ".tif",
        {"t": digits(0, 3, 4)}, "{name}_ch{c}_stack{t}_{wave}nm_*.tif", (3, 1),
        clock=_msec(7934731),
    ),
    # aicjanelia/LLSM, docs: file organization, raw images
    "aic, llsm": Known(
        "scan_CamA_ch0_CAM1_stack0000_488nm_0000000msec_0004732481msecAbs_000x_000y_000z_0000t.tif",
        "scan_CamA_ch{c}_CAM1_stack{t}_{w}nm_" + MSEC + "_000x_000y_000z_0000t.tif",
        {"t": digits(0, 3, 4), "cw": TWO}, "{name}_CamA_ch{c}_CAM1_stack{t}_{wave}nm_*.tif",
        (3, 2), clock=_msec(4732481),
    ),
    # aicjanelia/LLSM, docs: file organization, multi-position imaging on the MOSAIC
    "aic, mosaic": Known(
        "Scan_Iter_0000_CamA_ch0_CAM1_stack0000_488nm_0000000msec_0005394318msecAbs_"
        "-01x_-01y_-01z_0000t.tif",
        "Scan_Iter_{t}_CamA_ch0_CAM1_stack0000_488nm_" + MSEC + "_-01x_-01y_-01z_{u}t.tif",
        {"t": digits(0, 4, 4)},
        "{name}_Iter_{t}_CamA_ch{c}_CAM1_stack0000_{wave}nm_*msecAbs_-01x_-01y_-01z_{n}t.tif",
        (4, 1), clock={**_msec(5394318, 301652), "u": (0, 1, 4)},
    ),
    # aicjanelia/LLSM, docs: file organization, bdv saving
    "aic, bdv, raw": Known(
        "scan_CamA_ch0_CAM1_stack0000_488nm_0000000msec_0107885054msecAbs_-01x_-01y_-01z_0000t.tif",
        "scan_CamA_ch0_CAM1_stack{t}_488nm_" + MSEC + "_{x}x_-01y_-01z_0000t.tif",
        {"t": digits(0, 3, 4), "x": ("-01", "000", "001")},
        "{name}_CamA_ch{c}_CAM1_stack{t}_{wave}nm_*msecAbs_{tile}_0000t.tif", (3, 1),
        positions=("-01x_-01y_-01z", "000x_-01y_-01z", "001x_-01y_-01z"), clock=_msec(107885054),
    ),
    "aic, bdv": Known(
        "scan_ch0_tile0_t0000_crop.tif", "scan_ch{c}_tile{p}_t{t}_crop.tif",
        {"t": digits(0, 3, 4), "c": (0, 10), "p": (0, 1)}, "scan_ch{c}_tile{tile}_t{t}_crop.tif",
        (3, 2), positions=("0", "1"),
    ),
    # aicjanelia/llsm-tools: examples of the deskew
    "aic, no camera letter": Known(
        "cell2_ch0_CAM1_stack0001_560nm_0004529msec_0009990533msecAbs_000x_000y_000z_0000t.tif",
        "cell2_ch0_CAM1_stack{t}_560nm_" + MSEC + "_000x_000y_000z_0000t.tif",
        {"t": digits(1, 4, 4)}, "{name}_ch{c}_CAM1_stack{t}_{wave}nm_*.tif", (4, 1),
        clock={"rel": (4529, 4529, 7), "abs": (9990533, 4529, 10)},
    ),
    # aicjanelia/llsm-tools: pipeline test
    "aic, dashes in the name": Known(
        "642-4ms-20p_488-10ms-20p_25um_CamA_ch1_CAM1_stack0000_488nm_0000000msec_"
        "0023277664msecAbs_000x_000y_000z_0000t.tif",
        "642-4ms-20p_488-10ms-20p_25um_CamA_ch{c}_CAM1_stack{t}_{w}nm_" + MSEC
        + "_000x_000y_000z_0000t.tif",
        {"t": digits(0, 3, 4), "cw": ("1 488", "0 642")},
        "{name}_CamA_ch{c}_CAM1_stack{t}_{wave}nm_*.tif", (3, 2), clock=_msec(23277664),
    ),
    "aic, position in front": Known(
        "pos1_Iter_0000_ch0_CAM1_stack0000_560nm_0000000msec_0002518314msecAbs_"
        "000x_000y_000z_0000t.tif",
        "pos1_Iter_{t}_ch0_CAM1_stack0000_560nm_" + MSEC + "_000x_000y_000z_{u}t.tif",
        {"t": digits(0, 3, 4)},
        "{name}_Iter_{t}_ch{c}_CAM1_stack0000_{wave}nm_*msecAbs_000x_000y_000z_{n}t.tif",
        (3, 1), clock={**_msec(2518314), "u": (0, 1, 4)},
    ),
    # abcucberkeley/PetaKit5D, demo_deskew_rotation: tiles of one time point
    "petakit, tiles": Known(
        "Scan_Iter_0000_0000_CamA_ch0_CAM1_stack0000_488nm_0000000msec_0106060251msecAbs_"
        "000x_003y_000z_0000t.tif",
        "Scan_Iter_0000_0000_Cam{cam}_ch0_CAM1_stack0000_488nm_0000000msec_0106060251msecAbs_"
        "{x}x_003y_000z_0000t.tif",
        {"cam": ("A", "B"), "x": ("000", "001", "-01")},
        "{name}_Iter_0000_0000_Cam{c}_ch0_CAM1_stack{t}_{wave}nm_*msecAbs_{tile}_0000t.tif", (1, 2),
        positions=("-01x_003y_000z", "000x_003y_000z", "001x_003y_000z"),
    ),
    # bnorthan: frames of a localisation run at Janelia
    "janelia, two counters of Iter": Known(
        "3DPALM488nm_Iter_0640_0001_ch0_CAM1_stack0000_405nm_0000000msec_0129447004msecAbs_"
        "000x_000y_000z_0001t.tif",
        "3DPALM488nm_Iter_{t}_0001_ch0_CAM1_stack0000_405nm_" + MSEC + "_000x_000y_000z_0001t.tif",
        {"t": digits(640, 4, 4)},
        "{name}_Iter_{t}_0001_ch{c}_CAM1_stack0000_{wave}nm_*.tif", (4, 1),
        clock=_msec(129447004),
    ),
    # preibisch/multiview-simulation: averaging of PSFs
    "janelia, Iter of three digits": Known(
        "img_Iter_000_CamA_ch0_CAM1_stack0000_488nm_0000000msec_0003092664msecAbs_"
        "000x_000y_000z_0000t.tif",
        "img_Iter_{t}_CamA_ch0_CAM1_stack0000_488nm_" + MSEC + "_000x_000y_000z_{u}t.tif",
        {"t": digits(0, 4, 3)},
        "{name}_Iter_{t}_CamA_ch{c}_CAM1_stack0000_{wave}nm_*msecAbs_000x_000y_000z_{n}t.tif",
        (4, 1), clock={**_msec(3092664), "u": (0, 1, 4)},
    ),
    # background removal by Andy (fly brain): Iter without a number
    "janelia, Iter without a number": Known(
        "flybrain_Iter_ch0_stack0000_640nm_0000000msec_0015869850msecAbs.tif",
        "flybrain_Iter_ch0_stack{t}_640nm_" + MSEC + ".tif",
        {"t": digits(0, 3, 4)}, "{name}_Iter_ch{c}_stack{t}_{wave}nm_*.tif", (3, 1),
        clock=_msec(15869850),
    ),
    # LLSCalibrations of the Danuser pipeline: two cameras, a channel each
    "janelia, chroma": Known(
        "chroma_CamA_ch0_stack0000_488nm_0000000msec_0005999292msecAbs.tif",
        "chroma_{c}_stack{t}_{w}nm_" + MSEC + ".tif",
        {"t": digits(0, 3, 4), "cw": ("CamA_ch0 488", "CamB_ch1 560")},
        "{name}_Cam{cam}_ch{c}_stack{t}_{wave}nm_*.tif", (3, 2), clock=_msec(5999292),
    ),
    # volume rendering demo: results beside which the raw data are not
    "llspy, deconvolved": Known(
        "cell4_ch0_stack0000_488nm_0000000msec_0007934731msecAbs_decon.tif",
        "cell4_ch{c}_stack{t}_{w}nm_" + MSEC + "_decon.tif",
        {"t": digits(0, 3, 4), "cw": TWO}, "{name}_ch{c}_stack{t}_{wave}nm_*.tif", (3, 2),
        clock=_msec(7934731),
    ),
    # micro-manager.org wiki and many scripts: Micro-Manager 1.4, separate image files
    "micro-manager 1.4": Known(
        "img_000000000_Default_000.tif", "img_{t}_{c}_{z}.tif",
        {"t": digits(0, 3, 9), "c": ("Default", "GFP"), "z": digits(0, 4, 3)},
        "img_{t}_{c}_{z}.tif", (3, 2, 4),
    ),
    "micro-manager 1.4, one channel": Known(
        "img_000000000_Brightfield_000.tif", "img_{t}_Brightfield_{z}.tif",
        {"t": digits(0, 3, 9), "z": digits(0, 4, 3)},
        "img_{t}_Brightfield_{z}.tif", (3, 1, 4),
    ),
    "micro-manager 1.4, space": Known(
        "img_000000000_561 nm_000.tif", "img_{t}_561 nm_000.tif",
        {"t": digits(0, 5, 9)}, "img_{t}_{c} nm_000.tif", (5, 1),
    ),
    # Micro-Manager 2, separate image files: metadata.txt of many repositories
    "micro-manager 2": Known(
        "img_channel000_position000_time000000000_z000.tif",
        "img_channel{c}_position{p}_time{t}_z{z}.tif",
        {"t": digits(0, 3, 9), "c": digits(0, 2, 3), "p": digits(0, 2, 3), "z": digits(0, 4, 3)},
        "img_channel{c}_position{p}_time{t}_z{z}.tif", (3, 2, 4), positions=("000", "001"),
    ),
    "micro-manager 2, folders": Known(
        "Pos0/img_channel000_position000_time000000000_z000.tif",
        "Pos{p}/img_channel{c}_position00{p}_time{t}_z{z}.tif",
        {"t": digits(0, 3, 9), "c": digits(0, 2, 3), "p": (0, 1), "z": digits(0, 4, 3)},
        "Pos{p}/img_channel{c}_position{position}_time{t}_z{z}.tif", (3, 2, 4),
        positions=("0", "1"),
    ),
    "micro-manager 2, Default": Known(
        "Default/img_channel000_position000_time000000000_z000.tif",
        "Default/img_channel{c}_position000_time{t}_z000.tif",
        {"t": digits(0, 3, 9), "c": digits(0, 2, 3)},
        "Default/img_channel{c}_position000_time{t}_z000.tif", (3, 2),
    ),
    # Micro-Manager, image stack files
    "mmstack": Known(
        "No1-Pos3-TP_MMStack_Pos0.ome.tif", "No1-Pos3-TP_MMStack_Pos{p}.ome.tif",
        {"p": (0, 1, 2)}, "No1-Pos3-TP_MMStack_{p}.ome.tif", (1, 1),
        positions=("Pos0", "Pos1", "Pos2"),
    ),
    # epfl, centriole detection: positions in a grid
    "mmstack, grid": Known(
        "RPE1wt_CEP152+GTU88+PCNT_1_MMStack_1-Pos_000_000.ome.tif",
        "RPE1wt_CEP152+GTU88+PCNT_1_MMStack_1-Pos_{x}_{y}.ome.tif",
        {"x": digits(0, 2, 3), "y": digits(0, 2, 3)},
        "RPE1wt_CEP152+GTU88+PCNT_1_MMStack_{p}.ome.tif", (1, 1),
        positions=("1-Pos_000_000", "1-Pos_000_001", "1-Pos_001_000", "1-Pos_001_001"),
    ),
    # 3i SlideBook, export as TIFF
    "slidebook": Known(
        "Capture 1 - Position 2_XY1757012096_Z0_T0_C0.tif",
        "Capture 1 - Position 2_XY1757012096_Z{z}_T{t}_C{c}.tif",
        {"t": (0, 1, 2), "c": (0, 1), "z": tuple(range(12))},
        "Capture 1 - Position 2_XY1757012096_Z{z}_T{t}_C{c}.tif", (3, 2, 12),
    ),
    "slidebook, streaming": Known(
        "---Streaming Phasor Capture - 2 - 2_XY0_Z0_T0000_C0.tif",
        "---Streaming Phasor Capture - 2 - 2_XY0_Z0_T{t}_C0.tif",
        {"t": digits(0, 12, 4)}, "---Streaming Phasor Capture - 2 - 2_XY0_Z0_T{t}_C{c}.tif",
        (12, 1),
    ),
    "slidebook, tiff": Known(
        "141221_3_aavtoRN_terms in dentate_5 - Position 0 [600].Project Maximum Z Montage_"
        "XY1431635444_Z0_T0_C0.tiff",
        "141221_3_aavtoRN_terms in dentate_5 - Position 0 [600].Project Maximum Z Montage_"
        "XY1431635444_Z0_T0_C{c}.tiff",
        {"c": (0, 1)},
        "141221_3_aavtoRN_terms in dentate_5 - Position 0 [600].Project Maximum Z Montage_"
        "XY1431635444_Z0_T{t}_C{c}.tiff", (1, 2),
    ),
    # Zeiss ZEN, image export: test of an importer of barcoded worms
    "zen": Known(
        "2016-08-29-Interleave-107_s15c3_ORG.tif", "2016-08-29-Interleave-107_s15c{c}_ORG.tif",
        {"c": (3, 1, 2)}, "2016-08-29-Interleave-107_s15c{c}_ORG.tif", (1, 3),
    ),
    "zen, snap": Known(
        "Snap-2138-Image Export-08_c1_ORG.tif", "Snap-2138-Image Export-08_c{c}_ORG.tif",
        {"c": (1, 2)}, "Snap-2138-Image Export-08_c{c}_ORG.tif", (1, 2),
    ),
    "zen, tiles": Known(
        "A1-Image Export-01_s1m001_ORG.tif", "A1-Image Export-01_s{s}m{m}_ORG.tif",
        {"s": (1, 2), "m": digits(1, 3, 3)}, "A1-Image Export-01_s{p}m{tile}_ORG.tif", (1, 1),
        sure=False, positions=("1 001", "1 002", "1 003", "2 001", "2 002", "2 003"),
    ),
    # Leica LAS X, export: rgerum/saenopy, examples
    "leica, time": Known(
        "Pos007_S001_t50_z00_ch00.tif", "Pos007_S001_t{t}_z{z}_ch00.tif",
        {"t": (50, 6), "z": digits(0, 52, 2)}, "Pos007_S001_t{t}_z{z}_ch{c}.tif", (2, 1, 52),
    ),
    "leica, channels": Known(
        "Pos002_S001_t00_z000_ch00.tif", "Pos{p}_S001_t{t}_z{z}_ch{c}.tif",
        {"t": digits(0, 3, 2), "c": ("00", "01"), "z": digits(0, 4, 3), "p": ("002", "003")},
        "Pos{p}_S001_t{t}_z{z}_ch{c}.tif", (3, 2, 4), positions=("002", "003"),
    ),
    # wingj, matlab toolbox: comment of open_image_sequence
    "leica, series": Known(
        "Series002_z00_ch00.tif", "Series002_z{z}_ch{c}.tif",
        {"c": ("00", "01"), "z": digits(0, 8, 2)}, "Series002_z{z}_ch{c}.tif", (1, 2, 8),
    ),
    "leica, spaces": Known(
        "18h dTAG13_Merged_z00_ch00.tif", "18h dTAG13_Merged_z{z}_ch{c}.tif",
        {"c": ("00", "01"), "z": digits(0, 8, 2)}, "18h dTAG13_Merged_z{z}_ch{c}.tif", (1, 2, 8),
    ),
    # arve0/leicaexperiment: Matrix Screener
    "leica, matrix screener": Known(
        "image--L00--S00--U00--V00--J20--E00--O00--X00--Y00--T00--Z00--C00.ome.tif",
        "image--L00--S00--U00--V00--J20--E00--O00--X00--Y00--T{t}--Z{z}--C{c}.ome.tif",
        {"t": digits(0, 3, 2), "c": ("00", "01"), "z": digits(0, 4, 2)},
        "image--L00--S00--U00--V00--J20--E00--O00--X00--Y00--T{t}--Z{z}--C{c}.ome.tif", (3, 2, 4),
    ),
    # Keller lab and its users: scripts that fit PSFs of SiMView and IsoView
    "isoview": Known(
        "SPC00_TM00000_ANG000_CM0_CHN00_PH0.stack", "SPC00_TM{t}_ANG000_CM{c}_CHN00_PH0.stack",
        {"t": digits(0, 3, 5), "c": (0, 1)}, "SPC00_TM{t}_ANG000_CM{c}_CHN00_PH0.stack", (3, 2),
    ),
    "isoview, channels of its own for each camera": Known(
        "SPC00_TM00000_ANG000_CM0_CHN00_PH0.stack", "SPC00_TM{t}_ANG000_{c}_PH0.stack",
        {"t": digits(0, 3, 5), "c": ("CM0_CHN00", "CM2_CHN01")},
        "SPC00_TM{t}_ANG000_CM{cm}_CHN{c}_PH0.stack", (3, 2),
    ),
    # fiji/SPIM_Registration: spim_TL{t}_Angle{a}.tif
    "openspim": Known(
        "spim_TL000_Angle0.ome.tiff", "spim_TL{t}_Angle0.ome.tiff",
        {"t": digits(0, 20, 3)}, "spim_TL{t}_Angle0.ome.tiff", (20, 1),
    ),
    "openspim, channels": Known(
        "spim_TL100_Channel1_Angle90.tif", "spim_TL{t}_Channel{c}_Angle90.tif",
        {"t": (100, 101, 102), "c": (1, 2)}, "spim_TL{t}_Channel{c}_Angle90.tif", (3, 2),
    ),
    # TheDeanLab/navigate: names of saved stacks
    "navigate": Known(
        "CH00_000000.tif", "CH{c}_{t}.tif",
        {"t": digits(0, 4, 6), "c": ("00", "01")}, "CH{c}_{t}.tif", (4, 2),
    ),
    "navigate, prefix": Known(
        "1_CH00_000000.tif", "1_CH00_{t}.tif",
        {"t": digits(0, 4, 6)}, "1_CH{c}_{t}.tif", (4, 1),
    ),
    # LEVER, a script that reads its processed stacks
    "lever": Known(
        "4D_img_stack_processed_c01_t0001_z0001.tif", "4D_img_stack_processed_c{c}_t{t}_z{z}.tif",
        {"t": digits(1, 3, 4), "c": ("01", "02"), "z": digits(1, 4, 4)},
        "4D_img_stack_processed_c{c}_t{t}_z{z}.tif", (3, 2, 4),
    ),
    # openmicroscopy.org, OME-TIFF samples
    "ome, a file a channel": Known(
        "tubhiswt_C0.ome.tif", "tubhiswt_C{c}.ome.tif",
        {"c": (0, 1)}, "tubhiswt_C{c}.ome.tif", (1, 2),
    ),
    "ome, a file a volume": Known(
        "tubhiswt_C0_TP0.ome.tif", "tubhiswt_C{c}_TP{t}.ome.tif",
        {"t": tuple(range(12)), "c": (0, 1)}, "tubhiswt_C{c}_TP{t}.ome.tif", (12, 2),
    ),
    "ome, a file a time": Known(
        "tubhiswt_C0_T0.ome.tif", "tubhiswt_C{c}_T{t}.ome.tif",
        {"t": tuple(range(12)), "c": (0, 1)}, "tubhiswt_C{c}_T{t}.ome.tif", (12, 2),
    ),
    # MetaMorph: scripts of several laboratories
    "metamorph": Known(
        "6_w1CFP_s1_t1.TIF", "6_{c}_s{p}_t{t}.TIF",
        {"t": (1, 2, 3), "c": ("w1CFP", "w2YFP"), "p": (1, 2)}, "6_{c}_s{p}_t{t}.TIF", (3, 2),
        positions=("1", "2"),
    ),
    "metamorph, one channel": Known(
        "exp_w1FITC_s1_t1.TIF", "exp_w1FITC_s1_t{t}.TIF",
        {"t": tuple(range(1, 14))}, "exp_w1FITC_s1_t{t}.TIF", (13, 1),
    ),
    # Nikon NIS-Elements, Viewer User's Guide: sequences of TIFF
    "nikon": Known(
        "t000001xy01c1.tif", "t{t}xy{p}c{c}.tif",
        {"t": digits(1, 3, 6), "p": ("01", "02"), "c": (1, 2)}, "t{t}xy{p}c{c}.tif", (3, 2),
        positions=("01", "02"),
    ),
    "nikon, no time": Known(
        "seq0000xy01c1.tif", "seq0000xy{p}c{c}.tif",
        {"p": ("01", "02"), "c": (1, 2)}, "seq0000xy{p}c{c}.tif", (1, 2),
        positions=("01", "02"),
    ),
    # ezstitcher, microscope formats: ImageXpress
    "imagexpress": Known(
        "A01_s1_w1_z1.tif", "A01_s{p}_w{c}_z{z}.tif",
        {"p": (1, 2), "c": (1, 2), "z": (1, 2, 3)}, "A01_s{p}_w{c}_z{z}.tif", (1, 2, 3),
        positions=("1", "2"),
    ),
    "imagexpress, folders": Known(
        "TimePoint_1/A01_s1_w1.tif", "TimePoint_{t}/A01_s1_w{c}.tif",
        {"t": (1, 2, 3), "c": (1, 2)}, "TimePoint_{t}/A01_s1_w{c}.tif", (3, 2),
    ),
    # forum.image.sc 14872: Olympus ScanR
    "scanr": Known(
        "A1--W00001--P00001--Z00000--T00000--Alexa 488.tif",
        "A1--W00001--P00001--Z{z}--T{t}--Alexa 488.tif",
        {"t": digits(0, 3, 5), "z": digits(0, 4, 5)},
        "A1--W00001--P00001--Z{z}--T{t}--Alexa 488.tif", (3, 1, 4),
    ),
}  # fmt: skip
