using System.Text.Json.Nodes;
using Chat.Cells.LocalCluster.ApiServer.Apply;
using Chat.Cells.LocalCluster.ApiServer.Json;
using Chat.Cells.LocalCluster.ApiServer.Registry;
using FsCheck;
using FsCheck.Fluent;

namespace Chat.Cells.LocalCluster.Tests.ApiServer;

/// <summary>Laws of field sets and of merging, over random pod specs.</summary>
public sealed class FieldSetTests
{
    private static readonly Gen<JsonObject> PodSpecs =
        from names in Gen.SubListOf(["a", "b", "c", "d"])
        from ports in Gen.ListOf(Gen.Choose(80, 83), names.Count)
        from images in Gen.ListOf(Gen.Elements("x", "y", "z"), names.Count)
        from selector in Gen.SubListOf(["k1", "k2"])
        from host in Gen.Elements("", "h1", "h2")
        select Make(names, ports, images, selector, host);

    private static JsonObject Make(IList<string> names, IList<int> ports, IList<string> images, IList<string> selector, string host)
    {
        var spec = new JsonObject
        {
            ["containers"] = new JsonArray([.. names.Select((n, i) => (JsonNode)new JsonObject
            {
                ["name"] = n,
                ["image"] = images[i],
                ["ports"] = new JsonArray(new JsonObject { ["containerPort"] = ports[i] }),
            })]),
            ["nodeSelector"] = new JsonObject(selector.Select(s => KeyValuePair.Create<string, JsonNode?>(s, "v"))),
        };
        if (host.Length > 0)
        {
            spec["hostname"] = host;
        }

        return spec;
    }

    private static void Holds(Func<JsonObject, JsonObject, bool> law) =>
        Prop.ForAll(Arb.From(from a in PodSpecs from b in PodSpecs select (a, b)), p => law(p.a, p.b)).Check(Config.QuickThrowOnFailure.WithMaxTest(200));

    private static readonly Chat.Cells.LocalCluster.ApiServer.Crd.Schema Schema = BuiltInSchemas.Get("PodSpec");

    private static FieldSet Fields(JsonNode? value) => TypedFields.Of(value, Schema);

    private static bool Same(FieldSet a, FieldSet b) => a.Write().ToJsonString() == b.Write().ToJsonString();

    [Fact]
    public void WriteThenRead_IsTheSameSet() => Holds((a, _) => Same(Fields(a), FieldSet.Read(Fields(a).Write())));

    [Fact]
    public void ExceptAndIntersect_PartASet() => Holds((a, b) => Same(Fields(a), Fields(a).Except(Fields(b)).Union(Fields(a).Intersect(Fields(b)))));

    [Fact]
    public void Merge_HasTheFieldsOfBoth() => Holds((a, b) => Fields(a).Union(Fields(b)).Except(Fields(TypedFields.Merge(a, b, Schema))).IsEmpty);

    [Fact]
    public void Merge_TakesEveryAppliedValue() => Holds((a, b) => TypedFields.Changed(TypedFields.Merge(a, b, Schema), b, Schema).IsEmpty);

    [Fact]
    public void Merge_Twice_IsMergeOnce() => Holds((a, b) =>
    {
        var once = TypedFields.Merge(a, b, Schema);
        return JsonNodes.Same(once, TypedFields.Merge(once, b, Schema));
    });

    [Fact]
    public void Merge_WithItself_ChangesNothing() => Holds((a, _) => JsonNodes.Same(a, TypedFields.Merge(a, a, Schema)) && TypedFields.Changed(a, a, Schema).IsEmpty);

    [Fact]
    public void RemovingWhatWasMergedIn_LeavesTheRest() => Holds((a, b) =>
    {
        var merged = TypedFields.Merge(a, b, Schema)!;
        TypedFields.Remove(merged, Schema, Fields(b).Except(Fields(a)), Fields(a));
        return Same(Fields(merged), Fields(a));
    });
}
