"""Signs a PDF with pyHanko, which shares no code with us.

foreign.py IN OUT CERT KEY [visible] [stamped] [certifies]

visible draws the signature in the lowest part of the page; stamped adds a
document security store and a document time-stamp behind the signature;
certifies permits no further change.
"""

import sys

from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import signers, timestamps
from pyhanko.sign.fields import MDPPerm, SigFieldSpec, SigSeedSubFilter
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko.sign.signers.pdf_signer import PdfTimeStamper

source, target, cert, key, *modes = sys.argv[1:]
signer = signers.SimpleSigner.load(key, cert)
with open(source, "rb") as f:
    writer = IncrementalPdfFileWriter(f, strict=True)
    box = (70, 60, 400, 200) if "visible" in modes else None
    meta = signers.PdfSignatureMetadata(
        field_name="Signature1",
        subfilter=SigSeedSubFilter.PADES,
        md_algorithm="sha256",
        certify="certifies" in modes,
        docmdp_permissions=MDPPerm.NO_CHANGES,
    )
    spec = SigFieldSpec("Signature1", on_page=0, box=box)
    signed = signers.PdfSigner(meta, signer=signer, new_field_spec=spec).sign_pdf(writer)

if "stamped" in modes:
    signed.seek(0)
    DocumentSecurityStore.add_dss(signed, sig_contents=None, certs=[signer.signing_cert])
    stamper = timestamps.DummyTimeStamper(tsa_cert=signer.signing_cert, tsa_key=signer.signing_key)
    writer = IncrementalPdfFileWriter(signed, strict=True)
    signed = PdfTimeStamper(stamper).timestamp_pdf(writer, "sha256")

with open(target, "wb") as f:
    f.write(signed.getvalue())
