"""scratch"""
import json, time
from tests.conftest import *

def test_probe(client, clients, url, services):
    c=client
    a=c.create(name="x", metadata={"a":1})
    def show(label, r):
        print(label, r.status_code, r.headers.get("content-type"), dict(allow=r.headers.get("allow"), ra=r.headers.get("retry-after")), r.text[:300].encode("ascii","backslashreplace").decode(), file=F)
    h=httpx.Client(base_url=url, headers={**c.http.headers,"Connection":"close"}, timeout=60)
    F=open("/tmp/probe/out","w")
    show("true vs 1", h.patch(f"/v1/assets/{a['id']}", json={"metadata":{"a":True}}))
    show("1.0 vs 1", h.patch(f"/v1/assets/{a['id']}", json={"metadata":{"a":1.0}}))
    show("overflow", h.get("/v1/assets", params={"created_after":"0001-01-01T00:00:00+14:00"}))
    show("overflow", h.get("/v1/assets", params={"created_before":"9999-12-31T23:59:59-14:00"}))
    show("overflow", h.get("/v1/audit", params={"since":"0001-01-01T00:00:00+14:00"}))
    show("asof ovf", h.get(f"/v1/assets/{a['id']}", params={"as_of":"0001-01-01T00:00:00+14:00"}))
    show("asof ovf", h.get(f"/v1/assets/{a['id']}", params={"as_of":"9999-12-31T23:59:59-14:00"}))
    for m in ["-1","1.5","1700000000.5","-5","9"*19,"9"*25,"2026-11-20","2026-11-20T12:00:00","","0","infinity","nan","1e3","2026-11-20 12:00:00Z", "2026-11-20T12:00Z","99999"]:
        show("as_of "+m, h.get(f"/v1/assets/{a['id']}", params={"as_of":m}))
    for n in ["1700000000", "2026-11-20"]:
        show("created_after "+n, h.get("/v1/assets", params={"created_after":n}))
    for n in (50,200,500,2000):
        t=time.time()
        try:
            show(f"refs {n}", h.get("/v1/assets", params=[("ref",f"m:{i}") for i in range(n)])); 
        except Exception as e: print("EXC",repr(e),file=F)
        print(time.time()-t,file=F)
    show("tags many", h.get("/v1/assets", params=[("tag",f"m{i}") for i in range(3000)]))
    show("dup url", h.get("/v1/assets?"+"&".join(["ref=a:b"]*5000)))
    for raw in [b'{"\\ud800":1}', b'{"media":{"media_kind":"\\ud800"}}', b'{"media":{"media_kind":"image","\\ud800":1}}', b'{"media":{"media_kind":"image"},"metadata":{"\\ud800":1}}', b'{"media":{"media_kind":"image"},"metadata":{"a":["\\ud800"]}}', b'{"media":{"media_kind":"image"},"name":"\\ud800"}', b'{"media":{"media_kind":"image","format":"\\ud800"}}', b'{"media":{"media_kind":"image"},"references":["\\ud800:1","m:\\ud800",{"kind":"\\ud800","id":"x"},{"\\ud800":1}]}',b'{"media":{"media_kind":"image"},"tags":["\\ud800"]}', b'{"media":{"media_kind":"image"},"status":"\\ud800"}', b'{"media":{"media_kind":"image"},"content":{"sha256":"\\ud800"}}',
      b'{"media":{"media_kind":"image","width":NaN}}', b'{"media":{"media_kind":"image"},"metadata":{"a":NaN}}', b'{"media":{"media_kind":"image","width":1'+b'0'*5000+b'}}', b'{"media":{"media_kind":"video","duration":1'+b'0'*400+b'}}',b'{"media":{"media_kind":"image","width":1'+b'0'*400+b'}}',
      b'{"media":{"media_kind":"image"},"metadata":'+b'{"a":'*100000+b'1'+b'}'*100000+b'}', b'['*900000, b'{"media":{"media_kind":"image"},"metadata":{"a":'+b'['*900+b']'*900+b'}}',b'{"media":{"media_kind":"image"},"metadata":{"a":'+b'['*300+b']'*300+b'}}', b'\xff\xfe', b'', b'null', b'[]', b'"x"', b'{', b'\xef\xbb\xbf{"media":{"media_kind":"image"}}', b'{"media":{"media_kind":"image"}}x',
      b'{"media":{"media_kind":"image"},"tags":['+b','.join([b'1']*300000)+b']}',
      b'{"media":{"media_kind":"image"},"metadata":{"a":"\\u0000"}}',
      ]:
        r=h.post("/v1/assets", content=raw, headers={"Content-Type":"application/json"})
        show(repr(raw[:60]), r); print(len(r.content),file=F)
    show("2MiB", h.post("/v1/assets", content=b'{"name":"'+b'x'*2**21+b'"}', headers={"Content-Type":"application/json"}))
    show("2MiB chunked", h.post("/v1/assets", content=iter([b'{"name":"'+b'x'*2**20, b'x'*2**20+b'"}']), headers={"Content-Type":"application/json"}))
    for m,p in [("PUT","/v1/assets"),("HEAD","/v1/assets"),("OPTIONS","/v1/assets"),("DELETE","/v1/audit"),("GET","/nope"),("GET","/v1/assets/"),("TRACE","/v1/assets"),("FOO","/v1/assets")]:
        show(m+p, h.request(m,p))
    show("unknownq get", h.get(f"/v1/assets/{a['id']}?x=1"))
    show("unknownq post", h.post(f"/v1/assets?x=1", json={"media":{"media_kind":"image"}}))
    show("unknownq restore", h.post(f"/v1/assets/{a['id']}/restore?x=1"))
    show("actor empty", h.get("/v1/audit?actor=")); show("corr empty", h.get("/v1/audit?correlation_id="))
    show("actor utf8", h.post("/v1/assets", json={"media":{"media_kind":"image"}}, headers={"X-Actor":"user:ä".encode()}))
    show("hold slash", h.put(f"/v1/assets/{a['id']}/holds/a%2Fb"))
    show("hold dotdot", h.put(f"/v1/assets/{a['id']}/holds/%2e%2e"))
    show("tags null", h.patch(f"/v1/assets/{a['id']}", json={"tags":None}))
    show("form", h.post("/v1/assets", data={"a":"b"}))
    show("text", h.post("/v1/assets", content=b'{"media":{"media_kind":"image"}}', headers={"Content-Type":"text/plain"}))
    show("noct", h.post("/v1/assets", content=b'{"media":{"media_kind":"image"}}'))
    show("restore form", h.post(f"/v1/assets/{a['id']}/restore", content=b'reason=x', headers={"Content-Type":"text/plain"}))
    show("lax", h.post("/v1/assets", json={"media":{"media_kind":"image","width":"12","height":True}}))
    show("health", h.get("/health"))
    for t in ['"0"','W/"1"','1','"x"','','"1","2"','"1234567890"','"1" ', '*']:
        show("ifm "+t, h.patch(f"/v1/assets/{a['id']}", json={"name":"q"}, headers={"If-Match":t}))
    assert 0
