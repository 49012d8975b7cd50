/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud/keys.h"

#include "core/say.h"

#include <mbedtls/pk.h>
#include <mbedtls/sha256.h>
#include <selkie/mbedtls.h>
#include <string.h>

/* clang-format off */
const char *const selkie_keys_private[SELKIE_KEYS_OWN] = {
     "-----BEGIN PRIVATE KEY-----\n"
     "MIIJQgIBADANBgkqhkiG9w0BAQEFAASCCSwwggkoAgEAAoICAQDSLVNQPArMYqio\n"
     "pyaJZCAQ6SM7HW2AY6lFcXRSXhfu20aRak4jxjFYxmilbbZhi8PeA36LQY7FK88x\n"
     "Z/6xCvL6QwWYzTNKpTXkEp1z8MJbLizARuAPFHO8fiS1BKMM6niVs4hrCR3HiOme\n"
     "sL3OHpR+hD2p2dbwBRLT8HpaZEQ03uihV5XoalIPRWyR9CGvX0VHsRP4kjXCt88N\n"
     "0xBxDXHrsoj9zSraFNd3q4w7dQ5r6SgHSZMVEVFNa5EWWbaAOKhJLCTaQGxI16/q\n"
     "K6s5XnV50kZkQk1hJqGpPqp/i1RzBVh7TCScFyKOuv8/0MpzVMZdUr1ST8ugJ1yx\n"
     "ghvZuBDx2BFHnC8LvEq7kSqLHt62dAx5x6sMrOIl81yLc/54+nII7rdmniCBNkEl\n"
     "KuL/fumPF7PvWrrC8+9Q9cxgECh3vEEzO5E3XZ67fMhw07I5ju/kh6a3TWUEve/O\n"
     "QfNd4+v8jf6NyWIPIm4THyea4oa/8pYLjw7m+DPk1XQGTgJbkRjgypoNY6uDylpf\n"
     "aETqCp7EegssCgarCM4hcpKdN2XoYkqpNubfGC3JrbvXbS0FU/TLX7+pM7N7gFgD\n"
     "qi4PWH3nC5fpSCc8qW2LKU8vW8t2jGId/8qLl44bHu1iM83GwZcpY/x4BkDFnL5J\n"
     "QCiievpDvNpg2g8RA0ad7NN0HqfmiwIDAQABAoICAAMkkl5cx3yO7R64gScEzEX0\n"
     "doZnxj9pPhq/u5GPvqPfu4ppIIoAaLR/Iwl2Pofu4xrqynWioVPpd8uxVmmnVELR\n"
     "xb+nMeEn30ptzNTzALUEV774UFlpYOGssTfTvexvhSYX7S5MkJlvPq8UzYHLi0Tp\n"
     "DVMA4unr6YAp1GqNnUd9HdVrzd4P2PJJg3obQHWy4wJTb40EArHKtdnrEg/et5li\n"
     "rhG9g6qHLUGo2wv4kCKk9ehF/WEPRTv3I9BFvyjjsACIHHT3Cad9MjA6PvE4rGEJ\n"
     "9+t/4lBVl41EVqBZoQWnSs9tMA71eZrQyQhXQu++kMjMd/BHKTBX5lbxLyFuUzKD\n"
     "q7NlVyznNlUDsH9wF53BJT0HWIrqbB65Ab3rmDxL83qKacwsoJ9JiiE020H+VGbW\n"
     "RGM2ifFrix35ZuvpWkcwhZJVkusJY4Xr4nhphv/I/kvTi2ELUuDq028gee92jNvw\n"
     "RkpKcv8Fm5SDx1RJq0bHhAzbdCBLh5o2Q0i5cuwYhsfmxyhGmjB56qkeLkRP3Uyz\n"
     "YwMflCiTmSKUnUi6rl4M41QjAYOepRIWqxJzGtqMvuCWSIg7FUZ3akSrh0TTur4q\n"
     "nYDDQNI6ChoIvZSkLOflBM4gUAVVeaGQU1LTgRQwZoPHSSqH36VK/ohnlEFCkcX5\n"
     "3C0Zf8gjv+NpM3ZbpzehAoIBAQDvx8VqElbP4psYpBz6YqOrYMR1NWXPSp+vda5E\n"
     "IWQ6e4leiff/b4ax2WVEuGfY0VKQE9lCLfdFq6hXIqnhut0ioEYL/cjkklkU2aAJ\n"
     "WRKmWPISYZYeLmAzqHh9M+99s7+oro0LG0Fl9Bj0tKpGGuJzXUyKgcBoOk0HWth4\n"
     "pCUyHrBcZ7DefdldeQ6gvNvtBv9ZgoZNO1keWmI8Or+pfi6Nvao6x+YV9eRYHyNN\n"
     "h+AyZKClxvTBA83MAgjwnmM8OOPoI5m2n6tunRvxs5nRnM6JUFaMOYBJrwPZYQVT\n"
     "sFfakASzLumarf5pKwjrsaGgBzRK+bJqXSaNEM6E7Ttdrg/tAoIBAQDgZOt1W9wB\n"
     "gSUqzsGUiSy1FKzPb9YoCBMIOKV1TwDZGV+41xMUjoTshmEUBUbG593Ks41+peJH\n"
     "uVXv7lTvKYs9epBpw1ZcKt3b0G+dkkdNZqrsmJFTzhcInpiqWQwNUbXOyZX4dGUW\n"
     "s+/iZEtBoQmyujdPhvJoS69ZuVAfpeglzSWTA5aTKboSMxHdopJCyccJnvq+Btau\n"
     "ciIFRLTP+EDRDkuyjABIC9GMsEPAOAsdAsHu+AxR5qdBNIU6GYGIAaS+L4KSKSPQ\n"
     "JhjLCft7Jkdg7W5X1p9J9lRo19EqU9kYegkNjVfQXCOB/PFpMMal6YOGNqKBOl6R\n"
     "XsfOl/gzgNFXAoIBAAS93pmKY00ZHhgOpsQMz0/ESh5HQAwpXZ8KpLeUMXc2mjDU\n"
     "aaMTgYZi1i3Vt7gB67ANtG4qmok2K84NUW61U0osATabfi2G91wCMbf9mvDPMXpL\n"
     "k7xlDmH3IurW7BWASHn9eayOjWyGtzefmv5n6bJ+VdUnW7az8HIEyeMY2+Nx1+r7\n"
     "4fOEaZf/nNpw4ah+Su5qNl2wnsKK5wZp4wBnDmSfK46eBV7JzgowE3KlDTnx43tj\n"
     "w9NNT/SI1cRsXWoDdf5RNej2n11AnhzZgGE0yKDOheef+3l5jInv8TsGcbZQwscI\n"
     "VnZImo9Z2oNOr/OKMO6KoYyY6vo/KtZWGqZvmsECggEAKj6VnWiHyLi5eI+oHgCd\n"
     "LBISXpMdbDfo7VlMvQL8k+KVBMVo0CvslmLOD+jWZEful2SqNLeiHAKmTR8/Wi8m\n"
     "CZLzcRXXQk7HqcRZ3v5U8htr/lLSuUZJS9QfxaIyBKfnZGDLHRU8msORW7up91cL\n"
     "7lvkYdJz/HKTNn8OuIaRZ9xxQHYieN4YK6j1qhYbFvvJvuPxLKk47WqLQRaoO6bu\n"
     "/OyGD70PqIChGK1uc9eZMAL+47BLEXgs8LekhUWb/zDgBPYIzN914I/rhv4AHDUe\n"
     "pv7METlUj6YSShKnTCKw8ky3O5fqek1+WdB22mjWXRHTMwdCHLYSa6e+UgSGM5wC\n"
     "zQKCAQEA7iudQpv2y8yCAq+nyp7lmPZR6TisdHjM3BspPMAd11XQMfTTsWzqcbmu\n"
     "+Dd1JLmTzSw9txXkHg28NPHfHuWv/ehfZb/jD/ZpXTlYvS7QNKlQH6ovFQl+IQpE\n"
     "0zRTnY7oLLyY22YHRaP+QcuOJ1g9MfJp3mSQwzhal0WbuTLyfE/FLahLyknn4gje\n"
     "vQh450lLJ+4ho8fvpB+Ajjz6O8n7ft9xq7u9YUZbTAEz7GKx7KhVTSbRbZ/41ztY\n"
     "oguv5RB6arrxsNtgF16DHlojqZcVgVEsahJ7msqw/ZzcyHxPRRRDfID8SUhwQ6wy\n"
     "1rUzQFFQJG0RsDS6Ydp1bcEg/5KDBQ==\n"
     "-----END PRIVATE KEY-----\n",
     "-----BEGIN PRIVATE KEY-----\n"
     "MIIJQgIBADANBgkqhkiG9w0BAQEFAASCCSwwggkoAgEAAoICAQCjy4XtpbpaRksX\n"
     "nq7JCb+H/Hd3wVCQLT8w+pW1NrDUoAvbDaEsgvDS5lgW1gh34EEaElfjF1ea+3/6\n"
     "nsjQTvzGoCBRzCTO6BkwSiiUAr9qX7jn0+2t97xY9Zg44NxHscTLzAjG2a6ZVDly\n"
     "RLKSIqmD+1xKlq2bNakAyEG+tsuaaDUhCUTIyxiemlIW2GeDFwSNNb8d3s4fb3jr\n"
     "of94xYgsMKOq5DMk/J7PtnTyFKmDLTSEj2Dyy1liEBcrxJRZHF9Kj7KEIwnzfeuf\n"
     "At4G8DGOKNb4ZYXrUb9O0vk4/HW+fpQ7BveWb0+8Jou154oFzWbhpSSEy2QAR/OS\n"
     "AgE3em6O7DFhNwDan+uM7QGZt18WpwXvv+V2Nw6iKastFtkIbmwcXpYmhqjQ3win\n"
     "kXfh5/ftu5L3wnL8vgaaFMcNpDwsBcdCM2Qlda3ZCU/jZAInw++YhZaYjnypWVG/\n"
     "cZtoVISmRF0WxUvhxz8LhhI+RaxyspkGo98Y9TOS4N17RmkZdEFExrnpSmlwml9p\n"
     "U7uklf2EhoDvYookJI0HvdblUqp5F5cGwOh8CwVlrt5VGGjbhPlimpQ8lK4w8nRJ\n"
     "J5T33B4IDDA1SDk63dufUsDWJem1sG4+ebVrSLSru5xZHb7LMM+WM5woGG5nRPRR\n"
     "O2q5XfwjhOHeGFppBB7NpgMfrkpghwIDAQABAoICADY95OkxM8hHdQCqbQlocAQR\n"
     "iGKhIxPL2BxZL5CmPuL66VIubkx2RFgjLdLKKF3CZuzCXFZ42WsalGQjhy7sqWsB\n"
     "hhJwf1QBqq3CMTPqwQbyEiK7nP86hiYTlshnNquLZDd1Jwbq+ZYPPULpGxWn4ukx\n"
     "KXwN8AnxODlpF9SXZk+I6Oc60YuJLmr/geXM3mKcEcbNoK+8pBfm621k5VxSVekE\n"
     "Zn7mOUWrXtA8hPfR/dzR8I1hieJ9kukVmQbGf7YO3kOr2JtHmzkGXyv2YB5+FnsU\n"
     "bTQvMq0eEjOBTEUh3cAq3N27TeyEiiwtu6COv7dyMPrSnIhZbpFlQnT8svhzU/76\n"
     "cYAUTDtvy3rkLZwxKzpfENHgqpqwTOuhpMXwxjAnf3L2YarZ9R2oaGEf2QhGvyuT\n"
     "gLHYD8zb6EEX38locybrSG8c1Sm2qA6QbfgMMjiaWFu7BE5eQWtrnP+o7i1mTwa9\n"
     "DaNCGHP2LP+04Jy/+Qfl+Y6a+v1Ct4aZzfr7GtsLGPAHXwrwwesp2d/38afpAtQR\n"
     "5laVE+qtHAyE0sMN1qmktmCfHebeujENnoeg1/vU3faEkNRpHb25+us21yZXGUqQ\n"
     "7Br4Bt6DDXeNkclYyaOAS9vT78uuSSlVE/SplyE0HjGb+SY/J8BkFmgVEW93AiHe\n"
     "edrr0jS3IkOYCPJPIMUhAoIBAQDfz2VXz0k4XdqkTzplUAps3htC/5sg1uy3lVCx\n"
     "bVR7k5Dzx8r1U5O6ic7ERqg9mAYQwTJ/XMfQAji5KPj3azvnMgZu0vIav3y9hq5z\n"
     "bEM/GI8fkb+7sgMMNCXtKGwuHLAz/lN9k5DgWlh0O1gOlTC57b40LcgZab+Au/e2\n"
     "w7untkCEZ5vZ9NHG/aI4nZlxTpMM9WBOWUEmbVw+nC5tkD7gj72tDo5c8D+ybm9f\n"
     "lV4nErfRzi8RZKN5+Xs/bJQejJBI1F3GATMf6q5ltXJFZnYLkOybE1yczTCDc/Vv\n"
     "pKG6TWcNddBFO0PpMxwLRXiVxSTbBLMEOwKXm7LnoTnqym/XAoIBAQC7WmSkjdMV\n"
     "BUixmdhMgog7G9iraf9uH4FHYWqrFYNm0CoO7DWpOzLcxxy91SKwtyQ0xxFew3Ac\n"
     "m8DXfxEZI/B01wxbsHDTAFKYJPiRZE5pxQAWXN9+Oz4TK7E0K5IK9ulb8K68QI34\n"
     "3s2WcR6RVG5kvy/lJXDT/nc5bznTZt8dYOejqHEurFH34IkTMfTLZ9CXg1Hj4c/W\n"
     "F7lbu6pZYAQsxBsFjICTNiSt0wZSFEZmqufzNcr2ci20lR421IVOz9XLj4IDN66L\n"
     "ZbLbZ/OEYJ0ByTr9FPl/V6BrfSTToF/xo15RUxTJd+lunkdrIRU6PGMGcGh6gcru\n"
     "Il82sPKVqT7RAoIBAG9EprefIGHbl0W09e1Ee8pgKeGHPlJ3R7yFiVaMakH9vUTV\n"
     "gXuyD3Hf7WH7Vs04dVuDEV3sfJJXaGf1jMFFGMT6Q+R5D1Bo/tUizjwoCM6noRAq\n"
     "382q1IUOsARV4mKSdK+Es3FtGcvQXsV6c27ckRr+rV83m5G21zRjPuYoLXVV0IGD\n"
     "GSKk6l4p3qqS/6QrUkRRAY4yJYe7Ou8Nqq9h1UDDdaNB51khQCmvacN1eRen4Kd4\n"
     "AEJ/bB7J/5IqowEFFP6ARhaYphgqDoYWTTdflzRs2pTGbXavNH1F+zGEAbujm6Y/\n"
     "eknRCxQ3Cqw335lmJ8qTbYSe6c0B5VHu/+JQvoUCggEBAK0ek8zyOFA+N7PUouff\n"
     "3h4wVv/dzGdnuT/KJpS8JlWEmLh9UAB2cUNMwaQwJAQC1vPl1okoMppc2c7G3XfL\n"
     "m897PzIiUb7Hl4p67yz58PMPVEtVujaca3mvb+jzMdnr2ipYtj3BsO58gqA3GrXT\n"
     "vMZfW9RzylQ52NU7j8VmU1iESMcTSLKGDJ/t3Pvdt4OVBExczfiymigMd/zp5jj7\n"
     "3h+3fficodplt3LfggGqNnt8BSTZWhhr3Qv2lpq3ug7fQYD9tHdgpmqsqJ7Q6VYz\n"
     "KCGUXmupS/p9cACi/LqIgN95xBeFm7mmkg7jNr8pLMJJNn+mswQwluGA5VZWH3Jn\n"
     "l2ECggEAV7DtwkcdE2GDlB0aw95ApVsR1iLEAaf9/0oBBLfaxObcGn+G9v7O7Dmj\n"
     "0xkImkD+CZkgbcQ9JvrCfITMZW/4pJBGlkQHUXDKYvo+q5sQpuuR/O7UdjStZTxf\n"
     "gCwj7p/KCU4QSDLS5xa07zdvyiwVFR9tghVHJ+ntyg0ve+DzWYqF2DyCOmfkwdZT\n"
     "/+yp24YygVF6PHTPAbvjlffeTy0DhIjB+ROM+Is2yH93W1ViN1ToFvpYQHoLnGA4\n"
     "5xkw1Q2vl7AkfgGwXc4TkhrjLlW8xd470w43GuSq5naCdxFlZmQdYkVum740gcN6\n"
     "ZtbXj/qMIcqTzpx1SuAja2QmQhak0Q==\n"
     "-----END PRIVATE KEY-----\n"};

static const char *const own_public[SELKIE_KEYS_OWN] = {
     "-----BEGIN PUBLIC KEY-----\n"
     "MIICIjANBgkqhkiG9w0BAQEFAAOCAg8AMIICCgKCAgEA0i1TUDwKzGKoqKcmiWQg\n"
     "EOkjOx1tgGOpRXF0Ul4X7ttGkWpOI8YxWMZopW22YYvD3gN+i0GOxSvPMWf+sQry\n"
     "+kMFmM0zSqU15BKdc/DCWy4swEbgDxRzvH4ktQSjDOp4lbOIawkdx4jpnrC9zh6U\n"
     "foQ9qdnW8AUS0/B6WmRENN7ooVeV6GpSD0VskfQhr19FR7ET+JI1wrfPDdMQcQ1x\n"
     "67KI/c0q2hTXd6uMO3UOa+koB0mTFRFRTWuRFlm2gDioSSwk2kBsSNev6iurOV51\n"
     "edJGZEJNYSahqT6qf4tUcwVYe0wknBcijrr/P9DKc1TGXVK9Uk/LoCdcsYIb2bgQ\n"
     "8dgRR5wvC7xKu5Eqix7etnQMecerDKziJfNci3P+ePpyCO63Zp4ggTZBJSri/37p\n"
     "jxez71q6wvPvUPXMYBAod7xBMzuRN12eu3zIcNOyOY7v5Iemt01lBL3vzkHzXePr\n"
     "/I3+jcliDyJuEx8nmuKGv/KWC48O5vgz5NV0Bk4CW5EY4MqaDWOrg8paX2hE6gqe\n"
     "xHoLLAoGqwjOIXKSnTdl6GJKqTbm3xgtya27120tBVP0y1+/qTOze4BYA6ouD1h9\n"
     "5wuX6UgnPKltiylPL1vLdoxiHf/Ki5eOGx7tYjPNxsGXKWP8eAZAxZy+SUAoonr6\n"
     "Q7zaYNoPEQNGnezTdB6n5osCAwEAAQ==\n"
     "-----END PUBLIC KEY-----\n",
     "-----BEGIN PUBLIC KEY-----\n"
     "MIICIjANBgkqhkiG9w0BAQEFAAOCAg8AMIICCgKCAgEAo8uF7aW6WkZLF56uyQm/\n"
     "h/x3d8FQkC0/MPqVtTaw1KAL2w2hLILw0uZYFtYId+BBGhJX4xdXmvt/+p7I0E78\n"
     "xqAgUcwkzugZMEoolAK/al+459Ptrfe8WPWYOODcR7HEy8wIxtmumVQ5ckSykiKp\n"
     "g/tcSpatmzWpAMhBvrbLmmg1IQlEyMsYnppSFthngxcEjTW/Hd7OH29466H/eMWI\n"
     "LDCjquQzJPyez7Z08hSpgy00hI9g8stZYhAXK8SUWRxfSo+yhCMJ833rnwLeBvAx\n"
     "jijW+GWF61G/TtL5OPx1vn6UOwb3lm9PvCaLteeKBc1m4aUkhMtkAEfzkgIBN3pu\n"
     "juwxYTcA2p/rjO0BmbdfFqcF77/ldjcOoimrLRbZCG5sHF6WJoao0N8Ip5F34ef3\n"
     "7buS98Jy/L4GmhTHDaQ8LAXHQjNkJXWt2QlP42QCJ8PvmIWWmI58qVlRv3GbaFSE\n"
     "pkRdFsVL4cc/C4YSPkWscrKZBqPfGPUzkuDde0ZpGXRBRMa56UppcJpfaVO7pJX9\n"
     "hIaA72KKJCSNB73W5VKqeReXBsDofAsFZa7eVRho24T5YpqUPJSuMPJ0SSeU99we\n"
     "CAwwNUg5Ot3bn1LA1iXptbBuPnm1a0i0q7ucWR2+yzDPljOcKBhuZ0T0UTtquV38\n"
     "I4Th3hhaaQQezaYDH65KYIcCAwEAAQ==\n"
     "-----END PUBLIC KEY-----\n"};
/* clang-format on */

static int take(struct selkie_sim_key *key, mbedtls_pk_context *pk, const char *what)
{
    uint8_t der[2 * SELKIE_PUBLIC_KEY_SIZE];

    if (mbedtls_pk_write_pubkey_der(pk, der, sizeof der) != SELKIE_PUBLIC_KEY_SIZE) {
        selkie_say("%s: not an RSA-4096 key with exponent 65537", what);
        return SELKIE_ECONFIG;
    }
    memcpy(key->spki, der + sizeof der - SELKIE_PUBLIC_KEY_SIZE, SELKIE_PUBLIC_KEY_SIZE); /* it is written at the end */
    return selkie_mbedtls_sha256(key->spki, SELKIE_PUBLIC_KEY_SIZE, key->pin, 0) == 0 ? 0 : SELKIE_ECRYPTO;
}

int selkie_keys_own(struct selkie_sim_key *key, unsigned index)
{
    mbedtls_pk_context pk;
    const char *pem = own_public[index];

    key->id = (uint8_t)(index + 1);
    mbedtls_pk_init(&pk);
    int failed = mbedtls_pk_parse_public_key(&pk, (const uint8_t *)pem, strlen(pem) + 1);
    int result = failed ? SELKIE_ECRYPTO : take(key, &pk, "the simulator's own key");
    mbedtls_pk_free(&pk);
    return result;
}

int selkie_keys_load(struct selkie_sim_key *key, uint8_t id, const char *path)
{
    mbedtls_pk_context pk;
    int result = SELKIE_ECONFIG;

    key->id = id;
    mbedtls_pk_init(&pk);
    if (mbedtls_pk_parse_public_keyfile(&pk, path) != 0)
        selkie_say("%s: not a public key in PEM form, or it cannot be read", path);
    else
        result = take(key, &pk, path);
    mbedtls_pk_free(&pk);
    return result;
}
