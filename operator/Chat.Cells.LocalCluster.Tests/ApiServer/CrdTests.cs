using System.Net;
using System.Text.Json.Nodes;

namespace Chat.Cells.LocalCluster.Tests.ApiServer;

public sealed class CrdTests : IAsyncLifetime
{
    private const string Crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    private const string Widgets = "/apis/example.com/v1/namespaces/default/widgets";
    private ApiFixture _api = null!;

    public async Task InitializeAsync() => _api = await ApiFixture.StartAsync();

    public async Task DisposeAsync() => await _api.DisposeAsync();

    private static string Crd(string spec, string version = "", string names = "", string rest = "") => $$$"""
        {"metadata":{"name":"widgets.example.com"},"spec":{"group":"example.com","scope":"Namespaced","names":{"plural":"widgets","kind":"Widget"{{{names}}}},
        "versions":[{"name":"v1","served":true,"storage":true,"subresources":{"status":{}},"schema":{"openAPIV3Schema":{"type":"object","properties":{"spec":{{{spec}}},
        "status":{"type":"object","properties":{"phase":{"type":"string"} } } } } } {{{version}}} }{{{rest}}}]} }
        """;

    private static string Widget(string spec, string name = "w") => $$$"""{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"{{{name}}}"},"spec":{{{spec}}}}""";

    private async Task ServeAsync(string spec, string version = "") => (await _api.PostAsync(Crds, Crd(spec, version))).Ok();

    [Theory]
    [InlineData("""{"type":"string"}""", "7", "spec.f: Invalid value: \"integer\": spec.f in body must be of type string: \"integer\"")]
    [InlineData("""{"type":"integer"}""", "\"x\"", "spec.f: Invalid value: \"string\": spec.f in body must be of type integer: \"string\"")]
    [InlineData("""{"type":"integer"}""", "1.5", "spec.f: Invalid value: \"number\": spec.f in body must be of type integer: \"number\"")]
    [InlineData("""{"type":"integer","minimum":1}""", "0", "spec.f: Invalid value: 0: spec.f in body should be greater than or equal to 1")]
    [InlineData("""{"type":"integer","maximum":10}""", "11", "spec.f: Invalid value: 11: spec.f in body should be less than or equal to 10")]
    [InlineData("""{"type":"number","maximum":1,"exclusiveMaximum":true}""", "1", "spec.f: Invalid value: 1: spec.f in body should be less than 1")]
    [InlineData("""{"type":"integer","multipleOf":5}""", "7", "spec.f: Invalid value: 7: spec.f in body should be a multiple of 5")]
    [InlineData("""{"type":"string","enum":["a","b"]}""", "\"c\"", "spec.f: Unsupported value: \"c\": supported values: \"a\", \"b\"")]
    [InlineData("""{"type":"string","pattern":"^[a-z]+$"}""", "\"X\"", "spec.f: Invalid value: \"X\": spec.f in body should match '^[a-z]+$'")]
    [InlineData("""{"type":"string","minLength":2}""", "\"x\"", "spec.f: Invalid value: \"x\": spec.f in body should be at least 2 chars long")]
    [InlineData("""{"type":"string","maxLength":2}""", "\"xxx\"", "spec.f: Too long: may not be more than 2 bytes")]
    [InlineData("""{"type":"string","format":"date-time"}""", "\"soon\"", "spec.f: Invalid value: \"soon\": spec.f in body must be of type date-time: \"soon\"")]
    [InlineData("""{"type":"string","format":"ipv4"}""", "\"1.2.3\"", "spec.f: Invalid value: \"1.2.3\": spec.f in body must be of type ipv4: \"1.2.3\"")]
    [InlineData("""{"type":"array","minItems":1,"items":{"type":"string"}}""", "[]", "spec.f: Invalid value: 0: spec.f in body should have at least 1 items")]
    [InlineData("""{"type":"array","maxItems":1,"items":{"type":"string"}}""", "[\"a\",\"b\"]", "spec.f: Too many: 2: must have at most 1 items")]
    [InlineData("""{"type":"array","items":{"type":"string"}}""", "[\"a\",1]", "spec.f[1]: Invalid value: \"integer\": spec.f[1] in body must be of type string: \"integer\"")]
    [InlineData("""{"type":"array","x-kubernetes-list-type":"set","items":{"type":"string"}}""", "[\"a\",\"a\"]", "spec.f[1]: Duplicate value: \"a\"")]
    [InlineData("""{"type":"array","x-kubernetes-list-type":"map","x-kubernetes-list-map-keys":["k"],"items":{"type":"object","properties":{"k":{"type":"string"}}}}""", "[{\"k\":\"a\"},{\"k\":\"a\"}]", "spec.f[1]: Duplicate value: {\"k\":\"a\"}")]
    [InlineData("""{"type":"object","required":["a"],"properties":{"a":{"type":"string"}}}""", "{}", "spec.f.a: Required value")]
    [InlineData("""{"type":"object","additionalProperties":{"type":"integer"}}""", "{\"x\":\"y\"}", "spec.f.x: Invalid value: \"string\": spec.f.x in body must be of type integer: \"string\"")]
    [InlineData("""{"x-kubernetes-int-or-string":true}""", "true", "spec.f: Invalid value: \"boolean\": spec.f in body must be of type integer,string: \"boolean\"")]
    [InlineData("""{"type":"string","anyOf":[{"pattern":"^a"},{"pattern":"^b"}]}""", "\"c\"", "spec.f in body must validate at least one schema (anyOf)")]
    [InlineData("""{"type":"string","oneOf":[{"pattern":"^a"},{"pattern":"a$"}]}""", "\"a\"", "spec.f in body must validate one and only one schema (oneOf). Found 2 valid alternatives")]
    [InlineData("""{"type":"string","not":{"enum":["x"]}}""", "\"x\"", "spec.f in body must not validate the schema (not)")]
    public async Task Value_ThatTheSchemaForbids_IsRefusedInTheRealWords(string schema, string value, string expected)
    {
        await ServeAsync($$$"""{"type":"object","properties":{"f":{{{schema}}}}}""");
        var answer = await _api.PostAsync(Widgets, Widget($$"""{"f":{{value}}}"""));
        Assert.Equal(422, (int)answer.Code);
        Assert.Equal("Invalid", answer.Reason);
        Assert.StartsWith("Widget.example.com \"w\" is invalid: ", answer.Message);
        Assert.Contains(expected, answer.Message);
        Assert.StartsWith("spec.f", (string?)answer["details.causes.0.field"]);
    }

    [Fact]
    public async Task SeveralViolations_AreAllReported()
    {
        await ServeAsync("""{"type":"object","required":["a"],"properties":{"a":{"type":"string"},"b":{"type":"integer"}}}""");
        var answer = await _api.PostAsync(Widgets, Widget("""{"b":"x"}"""));
        Assert.Equal(
            "Widget.example.com \"w\" is invalid: [spec.a: Required value, spec.b: Invalid value: \"string\": spec.b in body must be of type integer: \"string\"]",
            answer.Message);
        Assert.Equal(["FieldValueRequired", "FieldValueTypeInvalid"], ((JsonArray)answer["details.causes"]).Select(c => (string?)c!["reason"]));
    }

    [Fact]
    public async Task Defaults_AndPruning_ShapeTheObject()
    {
        await ServeAsync("""
            {"type":"object","properties":{"a":{"type":"string","default":"x"},"n":{"type":"string","nullable":true},"m":{"type":"string"},
            "o":{"type":"object","default":{},"properties":{"b":{"type":"integer","default":3}}},"l":{"type":"array","items":{"type":"object","properties":{"c":{"type":"boolean","default":true}}}},
            "free":{"type":"object","x-kubernetes-preserve-unknown-fields":true,"properties":{"known":{"type":"object"}}},
            "obj":{"type":"object","x-kubernetes-embedded-resource":true,"x-kubernetes-preserve-unknown-fields":true}}}
            """);
        var made = (await _api.PostAsync(Widgets, Widget(
            """{"n":null,"m":null,"l":[{}],"unknown":1,"o":{"z":1},"free":{"any":{"deep":1},"known":{"gone":1}},"obj":{"apiVersion":"v1","kind":"X","metadata":{"name":"i"}}}"""))).Ok();
        Assert.Equal(
            """{"n":null,"l":[{"c":true}],"o":{"b":3},"free":{"any":{"deep":1},"known":{}},"obj":{"apiVersion":"v1","kind":"X","metadata":{"name":"i"}},"a":"x"}""",
            made["spec"].ToJsonString());
        Assert.Equal(["299 - \"unknown field \\\"spec.unknown\\\"\"", "299 - \"unknown field \\\"spec.o.z\\\"\"", "299 - \"unknown field \\\"spec.free.known.gone\\\"\""], made.Warnings);
        var strict = await _api.PostAsync(Widgets + "?fieldValidation=Strict", Widget("""{"unknown":1}""", "v"));
        Assert.Equal("Widget in version \"v1\" cannot be handled as a Widget: strict decoding error: unknown field \"spec.unknown\"", strict.Message);
    }

    [Fact]
    public async Task StatusAndGeneration_FollowTheSubresource()
    {
        await ServeAsync("""{"type":"object","properties":{"a":{"type":"string"}}}""");
        var made = (await _api.PostAsync(Widgets, """{"metadata":{"name":"w"},"spec":{"a":"1"},"status":{"phase":"Lie"}}""")).Ok();
        Assert.Null(made.Body!["status"]);
        Assert.Equal(1, (int)made["metadata.generation"]);
        var status = (await _api.MergeAsync(Widgets + "/w/status", """{"status":{"phase":"Up"},"spec":{"a":"2"}}""")).Ok();
        Assert.Equal("Up", (string?)status["status.phase"]);
        Assert.Equal("1", (string?)status["spec.a"]);
        Assert.Equal(1, (int)status["metadata.generation"]);
        var spec = (await _api.MergeAsync(Widgets + "/w", """{"status":{"phase":"Lie"},"spec":{"a":"2"}}""")).Ok();
        Assert.Equal("Up", (string?)spec["status.phase"]);
        Assert.Equal(2, (int)spec["metadata.generation"]);
        Assert.Equal(422, (int)(await _api.MergeAsync(Widgets + "/w/status", """{"status":{"phase":7}}""")).Code);
        var unversioned = await _api.PutAsync(Widgets + "/w", JsonNode.Parse(Widget("{}"))!);
        Assert.Contains("metadata.resourceVersion: Invalid value: 0x0: must be specified for an update", unversioned.Message);
    }

    [Fact]
    public async Task SeveralVersions_ShowTheSameObject()
    {
        const string Second = """,{"name":"v1beta1","served":true,"storage":false,"deprecated":true,"schema":{"openAPIV3Schema":{"type":"object","x-kubernetes-preserve-unknown-fields":true}}},{"name":"v0","served":false,"storage":false,"schema":{"openAPIV3Schema":{"type":"object"}}}""";
        (await _api.PostAsync(Crds, Crd("""{"type":"object","properties":{"a":{"type":"string"}}}""", rest: Second))).Ok();
        (await _api.PostAsync(Widgets, Widget("""{"a":"1"}"""))).Ok();
        var old = (await _api.GetAsync("/apis/example.com/v1beta1/namespaces/default/widgets/w")).Ok();
        Assert.Equal("example.com/v1beta1", (string?)old["apiVersion"]);
        Assert.Equal("1", (string?)old["spec.a"]);
        Assert.Contains(old.Warnings, w => w.Contains("example.com/v1beta1 Widget is deprecated"));
        Assert.Equal(HttpStatusCode.NotFound, (await _api.GetAsync("/apis/example.com/v0/namespaces/default/widgets/w")).Code);
        var group = (await _api.GetAsync("/apis/example.com")).Ok();
        Assert.Equal("v1", (string?)group["preferredVersion.version"]);
        (await _api.MergeAsync("/apis/example.com/v1beta1/namespaces/default/widgets/w", """{"spec":{"a":"2"}}""")).Ok();
        Assert.Equal("2", (string?)(await _api.GetAsync(Widgets + "/w")).Ok()["spec.a"]);
    }

    [Fact]
    public async Task Crd_Changed_ShowsOldObjectsByTheNewSchema()
    {
        await ServeAsync("""{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"string"}}}""");
        var made = (await _api.PostAsync(Widgets, Widget("""{"a":"1","b":"2"}"""))).Ok();
        var crd = (await _api.GetAsync(Crds + "/widgets.example.com")).Ok().Body!;
        crd["spec"]!["versions"]![0]!["schema"]!["openAPIV3Schema"]!["properties"]!["spec"] =
            JsonNode.Parse("""{"type":"object","properties":{"a":{"type":"string"},"c":{"type":"integer","default":3}}}""");
        (await _api.PutAsync(Crds + "/widgets.example.com", crd)).Ok();
        Assert.Equal("""{"a":"1","c":3}""", (await _api.GetAsync(Widgets + "/w")).Ok()["spec"].ToJsonString());
        Assert.Equal("""{"a":"1","c":3}""", (await _api.GetAsync(Widgets)).Ok()["items.0.spec"].ToJsonString());
        await using var watch = await WatchReader.OpenAsync(_api.Client, Widgets + "?watch=true");
        Assert.Equal(["""{"a":"1","c":3}"""], await watch.TakeAsync(1, e => e["object"]!["spec"]!.ToJsonString()));
        var same = (await _api.MergeAsync(Widgets + "/w", """{"spec":{"a":"1"}}""")).Ok();
        Assert.Equal((string?)made["metadata.resourceVersion"], (string?)same["metadata.resourceVersion"]);
        crd = (await _api.GetAsync(Crds + "/widgets.example.com")).Ok().Body!;
        crd["spec"]!["versions"]![0]!["served"] = false;
        (await _api.PutAsync(Crds + "/widgets.example.com", crd)).Ok();
        Assert.Equal(HttpStatusCode.NotFound, (await _api.GetAsync(Widgets)).Code);
        Assert.Equal(HttpStatusCode.NotFound, (await _api.GetAsync("/apis/example.com")).Code);
        (await _api.GetAsync("/apis")).Ok();
        (await _api.DeleteAsync(Crds + "/widgets.example.com")).Ok();
        await _api.EventuallyGoneAsync(Crds + "/widgets.example.com");
    }

    [Theory]
    [InlineData("""{"properties":{"a":{"type":"string"}}}""", "properties[spec].type: Required value: must not be empty for specified object fields")]
    [InlineData("""{"type":"object","properties":{"a":{"type":"text"}}}""", "properties[a].type: Unsupported value: \"text\"")]
    [InlineData("""{"type":"object","properties":{"a":{"type":"array"}}}""", "properties[a].items: Required value: must be specified")]
    [InlineData("""{"type":"object","properties":{"a":{"type":"string","pattern":"("}}}""", "properties[a].pattern: Invalid value: \"(\": must be a valid regular expression")]
    [InlineData("""{"type":"object","properties":{"a":{"$ref":"#/x","type":"string"}}}""", "properties[a].$ref: Forbidden")]
    [InlineData("""{"type":"object","properties":{"a":{"type":"array","x-kubernetes-list-type":"map","items":{"type":"object"}}}}""", "x-kubernetes-list-map-keys: Required value")]
    [InlineData("""{"type":"object","x-kubernetes-validations":[{"rule":"self.a.format('x') == 1"}]}""", "compilation failed: the function or macro 'format' is not supported here")]
    [InlineData("""{"type":"object","x-kubernetes-validations":[{"rule":"nobody.a == 1"}]}""", "compilation failed: undeclared reference to 'nobody'")]
    [InlineData("""{"type":"object","x-kubernetes-validations":[{"rule":"self.a =="}]}""", "compilation failed: Syntax error")]
    [InlineData("""{"type":"object","x-kubernetes-validations":[{"rule":""}]}""", "rule: Required value")]
    public async Task Crd_WithASchemaThatIsNotSupported_IsRefused(string spec, string expected)
    {
        var answer = await _api.PostAsync(Crds, Crd(spec));
        Assert.Equal(422, (int)answer.Code);
        Assert.Contains(expected, answer.Message);
        Assert.Contains("spec.versions[0].schema.openAPIV3Schema", answer.Message);
    }

    [Fact]
    public async Task Crd_WithOtherFaults_IsRefused()
    {
        var good = Crd("""{"type":"object"}""");
        foreach (var (from, to, expected) in ((string, string, string)[])
        [
            ("\"name\":\"widgets.example.com\"", "\"name\":\"widgets.other.com\"", "metadata.name: Invalid value: \"widgets.other.com\": must be spec.names.plural+\".\"+spec.group"),
            ("\"Namespaced\"", "\"Everywhere\"", "spec.scope: Unsupported value: \"Everywhere\""),
            ("\"storage\":true", "\"storage\":false", "must have exactly one version marked as storage version"),
            ("\"scope\":", "\"conversion\":{\"strategy\":\"Webhook\"},\"scope\":", "conversion webhooks are not supported here"),
            ("\"subresources\":", "\"additionalPrinterColumns\":[{\"name\":\"A\",\"type\":\"string\",\"jsonPath\":\"..a\"}],\"subresources\":", "additionalPrinterColumns[0].jsonPath: Invalid value"),
        ])
        {
            var answer = await _api.PostAsync(Crds, good.Replace(from, to));
            Assert.Equal(422, (int)answer.Code);
            Assert.Contains(expected, answer.Message);
        }

        Assert.Equal(HttpStatusCode.NotFound, (await _api.GetAsync(Widgets)).Code);
    }

    [Fact]
    public async Task Crd_WhoseNamesAreTaken_IsNotServed()
    {
        await ServeAsync("""{"type":"object"}""");
        var other = Crd("""{"type":"object"}""").Replace("\"widgets", "\"gadgets");
        var made = (await _api.PostAsync(Crds, other)).Ok();
        Assert.Equal(["NamesAccepted=False", "Established=False"], ((JsonArray)made["status.conditions"]).Select(c => $"{c!["type"]}={c["status"]}"));
        Assert.Equal(HttpStatusCode.NotFound, (await _api.GetAsync("/apis/example.com/v1/namespaces/default/gadgets")).Code);
    }

    [Fact]
    public async Task Crd_Deleted_TakesItsObjectsAlong()
    {
        await ServeAsync("""{"type":"object"}""");
        (await _api.PostAsync(Widgets, Widget("{}"))).Ok();
        (await _api.PostAsync(Widgets, Widget("{}", "held").Replace("\"name\":", "\"finalizers\":[\"example.com/hold\"],\"name\":"))).Ok();
        (await _api.DeleteAsync(Crds + "/widgets.example.com")).Ok();
        await _api.EventuallyGoneAsync(Widgets + "/w");
        Assert.Equal(HttpStatusCode.Forbidden, (await _api.PostAsync(Widgets, Widget("{}", "new"))).Code);
        (await _api.GetAsync(Crds + "/widgets.example.com")).Ok();
        (await _api.MergeAsync(Widgets + "/held", """{"metadata":{"finalizers":null}}""")).Ok();
        await _api.EventuallyGoneAsync(Crds + "/widgets.example.com");
        Assert.Equal(HttpStatusCode.NotFound, (await _api.GetAsync("/apis/example.com")).Code);
    }

    [Fact]
    public async Task Table_ShowsPrinterColumns()
    {
        await ServeAsync("""{"type":"object","x-kubernetes-preserve-unknown-fields":true}""", """
            ,"additionalPrinterColumns":[{"name":"Region","type":"string","jsonPath":".spec.region"},{"name":"Ready","type":"string","jsonPath":".spec.conditions[?(@.type==\"Ready\")].status"},
            {"name":"N","type":"integer","jsonPath":".spec.n","priority":1},{"name":"Seen","type":"date","jsonPath":".spec.seen"},{"name":"All","type":"string","jsonPath":".spec.conditions[*].type"}]
            """);
        var seen = DateTime.UtcNow.AddHours(-5).AddSeconds(-30).ToString("yyyy-MM-dd'T'HH:mm:ss'Z'");
        (await _api.PostAsync(Widgets, Widget($$"""{"region":"eu","n":3,"seen":"{{seen}}","conditions":[{"type":"A","status":"x"},{"type":"Ready","status":"True"}]}"""))).Ok();
        (await _api.PostAsync(Widgets, Widget("{}", "x"))).Ok();
        var table = (await _api.GetAsync(Widgets, "application/json;as=Table;v=v1;g=meta.k8s.io,application/json")).Ok();
        Assert.Equal("Table", (string?)table["kind"]);
        Assert.Equal(["Name", "Region", "Ready", "N", "Seen", "All"], ((JsonArray)table["columnDefinitions"]).Select(c => (string?)c!["name"]));
        Assert.Equal("""["w","eu","True",3,"5h","A,Ready"]""", table["rows.0.cells"].ToJsonString());
        Assert.Equal("""["x",null,null,null,null,null]""", table["rows.1.cells"].ToJsonString());
        Assert.Equal("PartialObjectMetadata", (string?)table["rows.0.object.kind"]);
        Assert.Equal("w", (string?)(await _api.GetAsync(Widgets + "?includeObject=Object", "application/json;as=Table;v=v1;g=meta.k8s.io")).Ok()["rows.0.object.metadata.name"]);
    }

    [Fact]
    public async Task Rules_AreCheckedWithTransitionsAndPaths()
    {
        await ServeAsync("""
            {"type":"object","x-kubernetes-validations":[{"rule":"self.engine != 'Embedded' || self.replicas == 1","message":"Embedded means one pod","fieldPath":".replicas"},
            {"rule":"self.replicas >= oldSelf.replicas","messageExpression":"'can not shrink from ' + string(oldSelf.replicas) + ' to ' + string(self.replicas)","reason":"FieldValueForbidden"}],
            "properties":{"engine":{"type":"string"},"replicas":{"type":"integer"},"name":{"type":"string","x-kubernetes-validations":[{"rule":"self == oldSelf","message":"is immutable"}]},
            "list":{"type":"array","items":{"type":"object","properties":{"p":{"type":"integer"}},"x-kubernetes-validations":[{"rule":"self.p < 10"}]}}}}
            """);
        var one = await _api.PostAsync(Widgets, Widget("""{"engine":"Embedded","replicas":2}"""));
        Assert.Equal("Widget.example.com \"w\" is invalid: spec.replicas: Invalid value: \"object\": Embedded means one pod", one.Message);
        Assert.Contains("spec.list[1]: Invalid value: \"object\": failed rule: self.p < 10", (await _api.PostAsync(Widgets, Widget("""{"engine":"M","replicas":2,"list":[{"p":1},{"p":10}]}"""))).Message);
        Assert.Contains("no such key: engine evaluating rule", (await _api.PostAsync(Widgets, Widget("{}"))).Message);
        (await _api.PostAsync(Widgets, Widget("""{"engine":"M","replicas":2,"name":"n"}"""))).Ok();
        Assert.Contains("spec: Forbidden: can not shrink from 2 to 1", (await _api.MergeAsync(Widgets + "/w", """{"spec":{"replicas":1}}""")).Message);
        Assert.Contains("spec.name: Invalid value: \"m\": is immutable", (await _api.MergeAsync(Widgets + "/w", """{"spec":{"name":"m"}}""")).Message);
        (await _api.MergeAsync(Widgets + "/w", """{"spec":{"replicas":3}}""")).Ok();
    }

    [Fact]
    public async Task OpenApi_DescribesTheKind()
    {
        await ServeAsync("""{"type":"object","description":"What is wanted.","properties":{"a":{"type":"string","description":"An a."}}}""");
        var index = (await _api.GetAsync("/openapi/v3")).Ok();
        var url = (string)index.Body!["paths"]!["apis/example.com/v1"]!["serverRelativeURL"]!;
        var document = (await _api.GetAsync(url)).Ok().Body!;
        var schema = document["components"]!["schemas"]!["com.example.v1.Widget"]!;
        Assert.Equal("An a.", (string?)schema["properties"]!["spec"]!["properties"]!["a"]!["description"]);
        Assert.Equal("Widget", (string?)schema["x-kubernetes-group-version-kind"]![0]!["kind"]);
        var patch = document["paths"]!["/apis/example.com/v1/namespaces/{namespace}/widgets/{name}"]!["patch"]!;
        Assert.Contains((JsonArray)patch["parameters"]!, p => (string?)p!["name"] == "fieldValidation");
    }
}
