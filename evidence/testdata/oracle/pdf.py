"""Lets pyHanko judge PDFs.

usage: pdf.py TRUST-FOLDER <list of files

Prints one JSON object a signature, of the shape of Finding in java/Finding.java.
Nothing is fetched; revocation data are demanded for every certificate below an
anchor, and come from the document security store of the file.
EN 319 102-1 §5.5 with a time-stamp, §5.3 without one.
"""

import asyncio
import json
import logging
import pathlib
import sys

from asn1crypto.crl import CertificateList
from asn1crypto.ocsp import OCSPResponse
from pyhanko.keys import load_cert_from_pemder
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.ades.report import AdESStatus
from pyhanko.sign.diff_analysis import DiffResult
from pyhanko.sign.validation.ades import ades_basic_validation, ades_with_time_validation
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko.sign.validation.errors import NoDSSFoundError
from pyhanko.sign.validation.policy_decl import (
    LocalKnowledge,
    RevinfoOnlineFetchingRule,
    RevocationInfoGatheringSpec,
    SignatureValidationSpec,
)
from pyhanko.sign.validation.status import PdfSignatureStatus, SignatureCoverageLevel
from pyhanko_certvalidator.context import CertValidationPolicySpec
from pyhanko_certvalidator.policy_decl import REQUIRE_REVINFO, CertRevTrustPolicy
from pyhanko_certvalidator.registry import SimpleTrustManager
from pyhanko_certvalidator.revinfo.archival import CRLContainer, OCSPContainer


def policy(anchor):
    return CertValidationPolicySpec(
        trust_manager=SimpleTrustManager.build(trust_roots=[anchor]),
        revinfo_policy=CertRevTrustPolicy(REQUIRE_REVINFO),
    )


def stored(reader):
    """What the document security store holds."""
    try:
        store = DocumentSecurityStore.read_dss(reader)
    except NoDSSFoundError:
        return LocalKnowledge()
    return LocalKnowledge(
        known_certs=list(store.load_certs()),
        known_crls=[CRLContainer(CertificateList.load(c.get_object().data)) for c in store.crls],
        known_ocsps=[
            one
            for answer in store.ocsps
            for one in OCSPContainer.load_multi(OCSPResponse.load(answer.get_object().data))
        ],
    )


def changes(signature):
    """How far the file went on after the signature: NONE, LTA_UPDATES, or worse."""
    diff = signature.diff_result
    if diff is None:
        return "NONE" if signature.coverage == SignatureCoverageLevel.ENTIRE_FILE else "UNKNOWN"
    return diff.modification_level.name if isinstance(diff, DiffResult) else "SUSPICIOUS"


async def judge(signature, ca, tsa):
    spec = SignatureValidationSpec(
        cert_validation_policy=policy(ca),
        ts_cert_validation_policy=policy(tsa),
        revinfo_gathering_policy=RevocationInfoGatheringSpec(RevinfoOnlineFetchingRule.LOCAL_ONLY),
        local_knowledge=stored(signature.reader),
    )
    signature.compute_integrity_info()
    stamped = any(a["type"].native == "signature_time_stamp_token" for a in signature.signer_info["unsigned_attrs"])
    if stamped:
        result = await ades_with_time_validation(
            signature.signed_data,
            spec,
            raw_digest=signature.compute_digest(),
            extra_status_kwargs=signature.summarise_integrity_info(),
            status_cls=PdfSignatureStatus,
        )
    else:
        result = await ades_basic_validation(
            signature.signed_data,
            spec,
            raw_digest=signature.compute_digest(),
        )
    ok = result.ades_subindic.status == AdESStatus.PASSED
    errors = [result.failure_msg] if result.failure_msg else []
    if result.api_status is None or not result.api_status.bottom_line:
        errors.append("bottom line: not valid")
    if changes(signature) not in ("NONE", "LTA_UPDATES"):
        errors.append(f"changed after signing: {changes(signature)}")
    return {
        "level": "time-stamped" if stamped else "basic",
        "indication": "FAILED" if ok and errors else result.ades_subindic.status.name,
        "subindication": "" if ok else result.ades_subindic.standard_name,
        "errors": errors,
        "infos": [f"coverage {signature.coverage.name}, changes {changes(signature)}"],
    }


async def main():
    logging.disable(logging.CRITICAL)
    trust = pathlib.Path(sys.argv[1])
    ca, tsa = (load_cert_from_pemder(trust / n) for n in ("ca.pem", "tsa.pem"))
    for line in sys.stdin:
        path = line.rstrip("\n")
        try:
            with open(path, "rb") as f:
                found = [await judge(s, ca, tsa) for s in PdfFileReader(f).embedded_regular_signatures]
        except Exception as e:  # whatever it stumbles over is its verdict
            found = [{"indication": "FAILED", "errors": [f"{type(e).__name__}: {e}"]}]
        for one in found or [{"indication": "FAILED", "errors": ["nothing signed"]}]:
            print(json.dumps({"file": path, "tool": "pyhanko", "kind": "signature"} | one))


asyncio.run(main())
