// Package vault keeps user content at rest: encrypted before it touches a disk,
// in a local directory ([Dir]) or in an S3 bucket ([S3]). Both are a
// delivery.Vault and differ only in where the ciphertext lies.
//
// Every object has its own data key. The object is encrypted with it as a
// stream of authenticated segments (Tink AES256_GCM_HKDF_1MB, or _4KB when it
// is short) whose associated data is the object's name, so that no object
// passes for another. The data key never lies beside the object: Put returns
// it, wrapped by the key-encryption key of the current month, and the caller
// stores it in a row. testdata/vector.py writes the same format down again.
//
// Content is therefore erased in three ways, each sufficient by itself:
//
//   - the caller forgets the wrapped key: the object is noise from then on;
//   - [Keyring.Destroy] removes a month's key-encryption key: wrapped keys that
//     still lie in a backup of the database become noise too;
//   - Delete removes the object.
//
// What must survive the destruction of a month's key, because of a legal hold,
// is first carried to a newer one with [Keyring.Rewrap].
//
// Whatever holds plaintext or keys in this package lives in memory only, and
// what it holds does not grow with the size of an object.
//
// Sources: EN 319 521 REQ-ERDS-5.1.1-01 (confidentiality and integrity of user
// content), GDPR art. 17 and 32, NIST SP 800-88r1 §2.6 (cryptographic erase).
package vault
