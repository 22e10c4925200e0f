/* The complex functions of C99, which Wine 8's ucrtbase does not have. install.py exports each as its name without "c99_".
   On Windows a long double is a double, so the long forms are the double ones. */
#include <complex.h>

#define REAL(name) \
    double c99_##name(double _Complex z) { return name(z); } \
    double c99_##name##l(double _Complex z) { return name(z); } \
    float c99_##name##f(float _Complex z) { return name##f(z); }
#define COMPLEX(name) \
    double _Complex c99_##name(double _Complex z) { return name(z); } \
    double _Complex c99_##name##l(double _Complex z) { return name(z); } \
    float _Complex c99_##name##f(float _Complex z) { return name##f(z); }

REAL(cabs) REAL(carg) REAL(cimag) REAL(creal)
COMPLEX(ccos) COMPLEX(ccosh) COMPLEX(cexp) COMPLEX(clog) COMPLEX(conj) COMPLEX(csin)
COMPLEX(csinh) COMPLEX(csqrt) COMPLEX(ctan) COMPLEX(ctanh)

double _Complex c99_cpow(double _Complex a, double _Complex b) { return cpow(a, b); }
double _Complex c99_cpowl(double _Complex a, double _Complex b) { return cpow(a, b); }
float _Complex c99_cpowf(float _Complex a, float _Complex b) { return cpowf(a, b); }
