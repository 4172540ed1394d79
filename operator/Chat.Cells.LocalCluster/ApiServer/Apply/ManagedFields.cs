namespace Chat.Cells.LocalCluster.ApiServer.Apply;

/// <summary>Who is writing: the field manager, through which version and subresource.</summary>
/// <param name="Manager">The name of the field manager.</param>
/// <param name="ApiVersion">The version of the request.</param>
/// <param name="Subresource">"" for the object itself.</param>
/// <param name="Now">The time of the write.</param>
public sealed record FieldWriter(string Manager, string ApiVersion, string Subresource, DateTimeOffset Now);

/// <summary>One entry of <c>metadata.managedFields</c>.</summary>
internal sealed record ManagedEntry(string Manager, string Operation, string ApiVersion, string Subresource, string? Time, FieldSet Fields)
{
    public bool IsApply => Operation == "Apply";

    public bool IsOf(FieldWriter writer, string operation) =>
        Manager == writer.Manager && Operation == operation && Subresource == writer.Subresource && (operation == "Apply" || ApiVersion == writer.ApiVersion);

    public string Show()
    {
        var text = JsonText.Print(JsonValue.Create(Manager));
        if (Subresource.Length > 0)
        {
            text += $" with subresource \"{Subresource}\"";
        }

        return IsApply ? text : Time is null ? $"{text} using {ApiVersion}" : $"{text} using {ApiVersion} at {Time}";
    }
}

/// <summary>Keeps <c>metadata.managedFields</c>, and does server-side apply with it.</summary>
internal static class ManagedFields
{
    private static readonly string[] Untracked =
        ["name", "namespace", "creationTimestamp", "selfLink", "uid", "clusterName", "generation", "managedFields", "resourceVersion", "deletionTimestamp", "deletionGracePeriodSeconds"];

    /// <summary>Records an ordinary write: the writer owns what it changed, nobody owns what is gone.</summary>
    public static void RecordUpdate(JsonObject? old, JsonObject value, ServedVersion version, FieldWriter writer)
    {
        var schema = version.Whole;
        var entries = Read(value).Count > 0 || old is null ? Read(value) : Read(old);
        var changed = Track(TypedFields.Changed(old ?? new JsonObject(), value, schema), version, writer.Subresource);
        var present = TypedFields.Of(value, schema);
        var before = old is null ? new FieldSet() : TypedFields.Of(old, schema);
        var gone = before.Except(present);
        var result = new List<ManagedEntry>();
        ManagedEntry? own = null;
        foreach (var entry in entries)
        {
            var kept = entry.Fields.Except(gone);
            if (entry.IsOf(writer, "Update"))
            {
                own = entry with { Fields = kept.Union(changed) };
            }
            else
            {
                kept = kept.Except(changed);
                if (!kept.IsEmpty)
                {
                    result.Add(entry with { Fields = kept });
                }
            }
        }

        var changedSomething = !changed.IsEmpty || !gone.IsEmpty;
        if (own is null && !changed.IsEmpty)
        {
            own = new ManagedEntry(writer.Manager, "Update", writer.ApiVersion, writer.Subresource, null, changed);
        }

        if (own is not null && !own.Fields.IsEmpty)
        {
            result.Add(changedSomething || own.Time is null ? own with { Time = Timestamps.Seconds(writer.Now) } : own);
        }

        Write(value, result);
    }

    /// <summary>Server-side apply.</summary>
    /// <param name="live">The live object; an empty one when it is to be created.</param>
    /// <param name="applied">What the manager wants.</param>
    /// <param name="version">The version of the request.</param>
    /// <param name="writer">The manager.</param>
    /// <param name="force">Take fields over instead of failing.</param>
    /// <returns>The merged object with new managedFields.</returns>
    /// <exception cref="ApiException">409: other managers own some of the fields with other values.</exception>
    public static JsonObject Apply(JsonObject live, JsonObject applied, ServedVersion version, FieldWriter writer, bool force)
    {
        var schema = version.Whole;
        var entries = Read(live);
        var previous = entries.Find(e => e.IsOf(writer, "Apply"));
        var others = entries.Where(e => !ReferenceEquals(e, previous)).ToList();
        var wanted = Track(TypedFields.Of(applied, schema), version, writer.Subresource);
        var merged = (JsonObject)TypedFields.Merge(live, applied, schema)!;

        var changed = Track(TypedFields.Changed(live, merged, schema), version, writer.Subresource);
        var conflicts = others.Select(e => (Entry: e, Fields: changed.Intersect(e.Fields))).Where(c => !c.Fields.IsEmpty).ToList();
        if (conflicts.Count > 0 && !force)
        {
            throw Conflict(conflicts);
        }

        var kept = new List<ManagedEntry>();
        foreach (var entry in others)
        {
            var fields = entry.Fields.Except(changed);
            if (!fields.IsEmpty)
            {
                kept.Add(entry with { Fields = fields });
            }
        }

        if (previous is not null)
        {
            var owned = kept.Aggregate(wanted.Clone(), (all, e) => all.Union(e.Fields));
            TypedFields.Remove(merged, schema, previous.Fields.Except(owned), owned);
        }

        var same = previous is not null && JsonNodes.Same(previous.Fields.Write(), wanted.Write());
        if (!wanted.IsEmpty)
        {
            kept.Add(new ManagedEntry(writer.Manager, "Apply", writer.ApiVersion, writer.Subresource, same ? previous!.Time : Timestamps.Seconds(writer.Now), wanted));
        }

        Write(merged, kept);
        return merged;
    }

    /// <summary>Whether two lists of managers say the same, times aside.</summary>
    public static bool SameExceptTimes(JsonObject a, JsonObject b)
    {
        static JsonArray Timeless(JsonObject o)
        {
            var list = (JsonArray)(o.At("metadata", "managedFields")?.DeepClone() ?? new JsonArray());
            foreach (var entry in list.OfType<JsonObject>())
            {
                entry.Remove("time");
            }

            return list;
        }

        return JsonNodes.Same(Timeless(a), Timeless(b));
    }

    private static List<ManagedEntry> Read(JsonObject value) =>
    [
        .. value.At("metadata").Items("managedFields").Where(e => e["fieldsV1"] is JsonObject).Select(e => new ManagedEntry(
            e.Text("manager") ?? "",
            e.Text("operation") ?? "Update",
            e.Text("apiVersion") ?? "",
            e.Text("subresource") ?? "",
            e.Text("time"),
            FieldSet.Read((JsonObject)e["fieldsV1"]!))),
    ];

    private static void Write(JsonObject value, List<ManagedEntry> entries)
    {
        if (entries.Count == 0)
        {
            value.Child("metadata").Remove("managedFields");
            return;
        }

        value.Child("metadata")["managedFields"] = new JsonArray(
        [
            .. entries.OrderBy(e => e.Operation, StringComparer.Ordinal).ThenBy(e => e.Time, StringComparer.Ordinal).ThenBy(e => e.Manager, StringComparer.Ordinal).Select(e =>
            {
                var json = new JsonObject
                {
                    ["manager"] = e.Manager,
                    ["operation"] = e.Operation,
                    ["apiVersion"] = e.ApiVersion,
                    ["time"] = e.Time,
                    ["fieldsType"] = "FieldsV1",
                    ["fieldsV1"] = e.Fields.Write(),
                };
                if (e.Subresource.Length > 0)
                {
                    json["subresource"] = e.Subresource;
                }

                return (JsonNode)json;
            }),
        ]);
    }

    private static FieldSet Track(FieldSet fields, ServedVersion version, string subresource)
    {
        fields.Remove("f:apiVersion");
        fields.Remove("f:kind");
        foreach (var name in Untracked)
        {
            fields.Remove("f:metadata", "f:" + name);
        }

        if (subresource == "status")
        {
            foreach (var element in fields.Children.Keys.Where(k => k != "f:status").ToList())
            {
                fields.Children.Remove(element);
            }
        }
        else if (version.HasStatus)
        {
            fields.Remove("f:status");
        }

        return fields;
    }

    private static ApiException Conflict(List<(ManagedEntry Entry, FieldSet Fields)> conflicts)
    {
        var all = conflicts.SelectMany(c => c.Fields.Paths().Select(p => (Manager: c.Entry.Show(), Path: p))).ToList();
        var causes = all.Select(c => new Cause("FieldManagerConflict", c.Path, $"conflict with {c.Manager}")).ToList();
        var message = all.Count == 1
            ? $"Apply failed with 1 conflict: conflict with {all[0].Manager}: {all[0].Path}"
            : $"Apply failed with {all.Count} conflicts: " + string.Join(
                '\n',
                all.GroupBy(c => c.Manager, StringComparer.Ordinal).OrderBy(g => g.Key, StringComparer.Ordinal)
                    .Select(g => $"conflicts with {g.Key}:\n{string.Join('\n', g.Select(c => $"- {c.Path}"))}"));
        return new ApiException(409, "Conflict", message, new JsonObject { ["causes"] = ApiException.CauseArray(causes) });
    }
}
