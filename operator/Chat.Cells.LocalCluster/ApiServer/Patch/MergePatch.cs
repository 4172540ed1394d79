namespace Chat.Cells.LocalCluster.ApiServer.Patch;

/// <summary>RFC 7386, and Kubernetes' strategic variant of it.</summary>
internal static class MergePatch
{
    private const string Directive = "$patch";
    private const string DeletePrefix = "$deleteFromPrimitiveList/";
    private const string OrderPrefix = "$setElementOrder/";
    private const string RetainKeys = "$retainKeys";

    /// <summary>RFC 7386: null removes, objects merge, all else replaces.</summary>
    public static JsonNode? Apply(JsonNode? target, JsonNode? patch)
    {
        if (patch is not JsonObject changes)
        {
            return patch?.DeepClone();
        }

        var result = target is JsonObject o ? (JsonObject)o.DeepClone() : [];
        foreach (var (name, value) in changes)
        {
            if (value is null)
            {
                result.Remove(name);
            }
            else
            {
                result[name] = Apply(result[name], value);
            }
        }

        return result;
    }

    /// <summary>The strategic merge patch: lists with a merge key are merged item by item; directives delete, replace and order.</summary>
    public static JsonObject ApplyStrategic(JsonObject target, JsonObject patch, Schema schema) => (JsonObject)Strategic(target, patch, schema, "")!;

    private static JsonNode? Strategic(JsonNode? target, JsonObject patch, Schema? schema, string path)
    {
        switch (patch.Text(Directive))
        {
            case "delete":
                return null;
            case "replace":
                var replaced = (JsonObject)patch.DeepClone();
                replaced.Remove(Directive);
                return replaced;
            case not (null or "merge"):
                throw ApiException.BadRequest($"{path}: unknown patch directive \"{patch.Text(Directive)}\"");
        }

        var result = target is JsonObject o ? (JsonObject)o.DeepClone() : [];
        if (patch[RetainKeys] is JsonArray retained)
        {
            var names = retained.Select(r => r.Text()).ToHashSet(StringComparer.Ordinal);
            foreach (var name in result.Select(p => p.Key).Where(k => !names.Contains(k)).ToList())
            {
                result.Remove(name);
            }
        }

        foreach (var (name, value) in patch)
        {
            if (name.StartsWith(DeletePrefix, StringComparison.Ordinal))
            {
                var list = name[DeletePrefix.Length..];
                if (result[list] is JsonArray current)
                {
                    result[list] = new JsonArray([.. current.Where(i => !(value as JsonArray ?? []).Any(d => JsonNodes.Same(d, i))).Select(i => i?.DeepClone())]);
                }
            }
            else if (name[0] != '$')
            {
                var known = schema?.Member(name);
                var merged = value switch
                {
                    null => null,
                    JsonObject inner => Strategic(result[name], inner, known, $"{path}.{name}"),
                    JsonArray items => StrategicList(result[name] as JsonArray, items, known, patch[OrderPrefix + name] as JsonArray, $"{path}.{name}"),
                    _ => value.DeepClone(),
                };
                if (merged is null)
                {
                    result.Remove(name);
                }
                else
                {
                    result[name] = merged;
                }
            }
        }

        foreach (var (name, order) in patch.Where(p => p.Key.StartsWith(OrderPrefix, StringComparison.Ordinal)))
        {
            var list = name[OrderPrefix.Length..];
            if (result[list] is JsonArray current && order is JsonArray wanted)
            {
                result[list] = Ordered(current, wanted, schema?.Member(list)?.MergeKey ?? "");
            }
        }

        return result;
    }

    private static JsonArray StrategicList(JsonArray? target, JsonArray patch, Schema? schema, JsonArray? order, string path)
    {
        var key = schema?.MergeKey ?? "";
        if (key.Length == 0)
        {
            if (patch.OfType<JsonObject>().Any(i => i.ContainsKey(Directive)))
            {
                throw ApiException.NotSupportedHere($"a strategic merge of the list {path}, whose merge key is not known");
            }

            return (JsonArray)patch.DeepClone();
        }

        if (key == "*")
        {
            var union = (target ?? []).Concat(patch).Select(i => i?.DeepClone()).ToList();
            return new JsonArray([.. union.DistinctBy(JsonText.Print, StringComparer.Ordinal)]);
        }

        var replace = patch.OfType<JsonObject>().Any(i => i.Text(Directive) == "replace" && !i.ContainsKey(key));
        var result = target is null || replace ? [] : (JsonArray)target.DeepClone();
        foreach (var item in patch)
        {
            if (item is not JsonObject change)
            {
                throw ApiException.BadRequest($"{path}: the items of the patch must be objects with the merge key {key}");
            }

            if (!change.ContainsKey(key))
            {
                if (change.ContainsKey(Directive))
                {
                    continue;
                }

                throw ApiException.BadRequest($"map: {JsonText.Print(change)} does not contain declared merge key: {key}");
            }

            var at = 0;
            while (at < result.Count && !JsonNodes.Same(result[at].At(key), change[key]))
            {
                at++;
            }

            var current = at < result.Count ? result[at] : null;
            var merged = Strategic(current, change, schema!.Items, $"{path}[{key}={JsonText.Scalar(change[key])}]");
            if (merged is null)
            {
                if (current is not null)
                {
                    result.RemoveAt(at);
                }
            }
            else if (current is null)
            {
                result.Add(merged);
            }
            else
            {
                result[at] = merged;
            }
        }

        return order is null ? result : Ordered(result, order, key);
    }

    private static JsonArray Ordered(JsonArray list, JsonArray order, string key)
    {
        int Rank(JsonNode? item)
        {
            for (var i = 0; i < order.Count; i++)
            {
                if (key is "" or "*" ? JsonNodes.Same(order[i], item) : JsonNodes.Same(order[i].At(key), item.At(key)))
                {
                    return i;
                }
            }

            return -1;
        }

        // Items that the order does not name keep their place after the item they followed.
        var ranked = new List<(int Rank, JsonNode? Item)>();
        var last = -1;
        foreach (var item in list)
        {
            var rank = Rank(item);
            last = rank >= 0 ? rank : last;
            ranked.Add((last, item?.DeepClone()));
        }

        return new JsonArray([.. ranked.OrderBy(r => r.Rank).Select(r => r.Item)]);
    }
}
