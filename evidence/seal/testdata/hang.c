// A PKCS#11 module that hands everything to another one, named by REAL_MODULE,
// and whose C_Sign hangs as long as the file named by HANG_FILE is there: the
// device that does not answer.
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef unsigned long rv;
typedef rv (*sign_function)(unsigned long, unsigned char *, unsigned long, unsigned char *, unsigned long *);

// PKCS#11 v2.40: a version, then the functions in a fixed order.
enum { SIGN = 43, FUNCTIONS = 68 };
static struct list {
	unsigned char version[2];
	void *function[FUNCTIONS];
} list;
static sign_function real_sign;

static rv hanging_sign(unsigned long session, unsigned char *data, unsigned long n, unsigned char *sig, unsigned long *m)
{
	while (access(getenv("HANG_FILE"), F_OK) == 0)
		usleep(10000);
	return real_sign(session, data, n, sig, m);
}

rv C_GetFunctionList(struct list **out)
{
	void *module = dlopen(getenv("REAL_MODULE"), RTLD_NOW);
	rv (*get)(struct list **) = module ? (rv (*)(struct list **))dlsym(module, "C_GetFunctionList") : NULL;
	struct list *found;
	if (get == NULL || get(&found) != 0)
		return 5; // CKR_GENERAL_ERROR
	memcpy(&list, found, sizeof list);
	real_sign = (sign_function)list.function[SIGN];
	list.function[SIGN] = (void *)hanging_sign;
	*out = &list;
	return 0;
}
