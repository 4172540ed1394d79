using System.Net;
using System.Text.Json.Nodes;
using Chat.Cells.LocalCluster.ApiServer.Http;
using Chat.Cells.LocalCluster.ApiServer.Patch;
using Chat.Cells.LocalCluster.ApiServer.Registry;

namespace Chat.Cells.LocalCluster.Tests.ApiServer;

public sealed class PatchTests
{
    private static JsonNode Node(string json) => JsonNode.Parse(json)!;

    [Theory]
    [InlineData("""{"foo":"bar"}""", """[{"op":"add","path":"/baz","value":"qux"}]""", """{"foo":"bar","baz":"qux"}""")]
    [InlineData("""{"foo":["bar","baz"]}""", """[{"op":"add","path":"/foo/1","value":"qux"}]""", """{"foo":["bar","qux","baz"]}""")]
    [InlineData("""{"foo":["bar"]}""", """[{"op":"add","path":"/foo/-","value":["abc"]}]""", """{"foo":["bar",["abc"]]}""")]
    [InlineData("""{"baz":"qux","foo":"bar"}""", """[{"op":"remove","path":"/baz"}]""", """{"foo":"bar"}""")]
    [InlineData("""{"foo":["bar","qux","baz"]}""", """[{"op":"remove","path":"/foo/1"}]""", """{"foo":["bar","baz"]}""")]
    [InlineData("""{"baz":"qux"}""", """[{"op":"replace","path":"/baz","value":"boo"}]""", """{"baz":"boo"}""")]
    [InlineData("""{"foo":{"bar":"baz","waldo":"fred"},"qux":{}}""", """[{"op":"move","from":"/foo/waldo","path":"/qux/thud"}]""", """{"foo":{"bar":"baz"},"qux":{"thud":"fred"}}""")]
    [InlineData("""{"a":{"b":1}}""", """[{"op":"copy","from":"/a","path":"/c"}]""", """{"a":{"b":1},"c":{"b":1}}""")]
    [InlineData("""{"a/b":1,"m~n":2}""", """[{"op":"test","path":"/a~1b","value":1},{"op":"replace","path":"/m~0n","value":3}]""", """{"a/b":1,"m~n":3}""")]
    [InlineData("""{"a":1}""", """[{"op":"add","path":"/b","value":null}]""", """{"a":1,"b":null}""")]
    public void JsonPatch_OfTheStandard_Applies(string target, string patch, string expected) =>
        Assert.Equal(expected, JsonPatch.Apply(Node(target), Node(patch))!.ToJsonString());

    [Theory]
    [InlineData("""[{"op":"test","path":"/a","value":2}]""", 422)]
    [InlineData("""[{"op":"remove","path":"/x"}]""", 422)]
    [InlineData("""[{"op":"replace","path":"/x","value":1}]""", 422)]
    [InlineData("""[{"op":"add","path":"/x/y","value":1}]""", 422)]
    [InlineData("""[{"op":"add","path":"/l/9","value":1}]""", 422)]
    [InlineData("""[{"op":"add","path":"/l/01x","value":1}]""", 422)]
    [InlineData("""[{"op":"sing","path":"/a"}]""", 400)]
    [InlineData("""[{"op":"add","path":"/a"}]""", 400)]
    [InlineData("""[{"op":"add","path":"a","value":1}]""", 400)]
    [InlineData("""[{"path":"/a"}]""", 400)]
    [InlineData("""{"op":"add"}""", 400)]
    public void JsonPatch_ThatDoesNotFit_IsRefused(string patch, int code) =>
        Assert.Equal(code, Assert.Throws<ApiException>(() => JsonPatch.Apply(Node("""{"a":1,"l":[]}"""), Node(patch))).Code);

    [Theory]
    [InlineData("""{"a":"b"}""", """{"a":"c"}""", """{"a":"c"}""")]
    [InlineData("""{"a":"b"}""", """{"b":"c"}""", """{"a":"b","b":"c"}""")]
    [InlineData("""{"a":"b"}""", """{"a":null}""", """{}""")]
    [InlineData("""{"a":["b"]}""", """{"a":"c"}""", """{"a":"c"}""")]
    [InlineData("""{"a":{"b":"c"}}""", """{"a":{"b":"d","c":null}}""", """{"a":{"b":"d"}}""")]
    [InlineData("""{"a":[{"b":"c"}]}""", """{"a":[1]}""", """{"a":[1]}""")]
    [InlineData("""{"e":null}""", """{"a":1}""", """{"e":null,"a":1}""")]
    [InlineData("""{}""", """{"a":{"bb":{"ccc":null}}}""", """{"a":{"bb":{}}}""")]
    public void MergePatch_OfTheStandard_Applies(string target, string patch, string expected) =>
        Assert.Equal(expected, MergePatch.Apply(Node(target), Node(patch))!.ToJsonString());

    [Theory]
    [InlineData("""{"containers":[{"name":"a","image":"x"},{"name":"b"}]}""", """{"containers":[{"name":"b","image":"y"},{"name":"c"}]}""", """{"containers":[{"name":"a","image":"x"},{"name":"b","image":"y"},{"name":"c"}]}""")]
    [InlineData("""{"containers":[{"name":"a"},{"name":"b"}]}""", """{"containers":[{"name":"a","$patch":"delete"}]}""", """{"containers":[{"name":"b"}]}""")]
    [InlineData("""{"containers":[{"name":"a"},{"name":"b"}]}""", """{"containers":[{"name":"c"},{"$patch":"replace"}]}""", """{"containers":[{"name":"c"}]}""")]
    [InlineData("""{"containers":[{"name":"a"},{"name":"b"}]}""", """{"$setElementOrder/containers":[{"name":"b"},{"name":"a"}],"containers":[]}""", """{"containers":[{"name":"b"},{"name":"a"}]}""")]
    [InlineData("""{"containers":[{"name":"a","ports":[{"containerPort":80},{"containerPort":81}]}]}""", """{"containers":[{"name":"a","ports":[{"containerPort":81,"name":"x"}]}]}""", """{"containers":[{"name":"a","ports":[{"containerPort":80},{"containerPort":81,"name":"x"}]}]}""")]
    [InlineData("""{"nodeSelector":{"a":"1","b":"2"}}""", """{"nodeSelector":{"$patch":"replace","c":"3"}}""", """{"nodeSelector":{"c":"3"}}""")]
    [InlineData("""{"nodeSelector":{"a":"1","b":"2"}}""", """{"nodeSelector":{"$retainKeys":["b","c"],"c":"3"}}""", """{"nodeSelector":{"b":"2","c":"3"}}""")]
    [InlineData("""{"tolerations":[{"key":"a"}]}""", """{"tolerations":[{"key":"b"}]}""", """{"tolerations":[{"key":"b"}]}""")]
    [InlineData("""{"hostname":"a"}""", """{"hostname":null}""", """{}""")]
    public void StrategicMerge_OfAPodSpec_UsesTheMergeKeys(string target, string patch, string expected) =>
        Assert.Equal(expected, MergePatch.ApplyStrategic((JsonObject)Node(target), (JsonObject)Node(patch), BuiltInSchemas.Get("PodSpec")).ToJsonString());

    [Theory]
    [InlineData("""{"finalizers":["a","b"]}""", """{"$deleteFromPrimitiveList/finalizers":["a"]}""", """{"finalizers":["b"]}""")]
    [InlineData("""{"finalizers":["a"]}""", """{"finalizers":["b","a"]}""", """{"finalizers":["a","b"]}""")]
    public void StrategicMerge_OfPrimitiveLists_IsAUnion(string target, string patch, string expected) =>
        Assert.Equal(expected, MergePatch.ApplyStrategic((JsonObject)Node(target), (JsonObject)Node(patch), BuiltInSchemas.ObjectMeta).ToJsonString());

    [Theory]
    [InlineData("""{"containers":[{"image":"x"}]}""", 400)]
    [InlineData("""{"containers":["x"]}""", 400)]
    [InlineData("""{"nodeSelector":{"$patch":"explode"}}""", 400)]
    [InlineData("""{"tolerations":[{"key":"a","$patch":"delete"}]}""", 501)]
    public void StrategicMerge_ThatCantBeDone_IsRefused(string patch, int code) =>
        Assert.Equal(code, Assert.Throws<ApiException>(() => MergePatch.ApplyStrategic([], (JsonObject)Node(patch), BuiltInSchemas.Get("PodSpec"))).Code);

    [Fact]
    public async Task Patches_OverHttp_GoThroughValidationAndManagers()
    {
        await using var api = await ApiFixture.StartAsync();
        const string Path = "/api/v1/namespaces/default/configmaps/a";
        await api.PostAsync("/api/v1/namespaces/default/configmaps", ApiFixture.ConfigMap("a"));
        var patched = (await api.JsonPatchAsync(Path, """[{"op":"test","path":"/data/k","value":"v"},{"op":"add","path":"/metadata/labels","value":{"x":"y"}}]""")).Ok();
        Assert.Equal("y", (string?)patched["metadata.labels.x"]);
        Assert.Equal(422, (int)(await api.JsonPatchAsync(Path, """[{"op":"replace","path":"/data/k","value":{}}]""")).Code);
        Assert.Equal(HttpStatusCode.BadRequest, (await api.JsonPatchAsync(Path, """[{"op":"replace","path":"/metadata/name","value":"b"}]""")).Code);
        Assert.Equal(HttpStatusCode.BadRequest, (await api.MergeAsync(Path, "[]")).Code);
        Assert.Equal(HttpStatusCode.NotFound, (await api.MergeAsync(Path + "x", "{}")).Code);
        Assert.Equal(HttpStatusCode.BadRequest, (await api.MergeAsync(Path + "?force=true", "{}")).Code);
    }
}
