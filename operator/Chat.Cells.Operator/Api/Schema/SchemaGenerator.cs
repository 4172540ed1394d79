using System.ComponentModel;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Chat.Cells.Kubernetes.Models;

namespace Chat.Cells.Operator.Api.Schema;

/// <summary>A structural OpenAPI v3 schema from a C# type and its attributes. Every field must have a description.</summary>
internal static class SchemaGenerator
{
    /// <summary>The schema of an object type.</summary>
    /// <exception cref="InvalidOperationException">A field without description, or of a type that has no schema here.</exception>
    public static JsonObject Object(Type type, string? description)
    {
        var schema = new JsonObject();
        if (description is not null)
        {
            schema["description"] = description;
        }
        schema["type"] = "object";
        var required = new JsonArray();
        var properties = new JsonObject();
        foreach (var property in type.GetProperties().Where(p => p.GetCustomAttribute<JsonExtensionDataAttribute>() is null && p.GetIndexParameters().Length == 0))
        {
            var name = property.GetCustomAttribute<JsonPropertyNameAttribute>()?.Name ?? JsonNamingPolicy.CamelCase.ConvertName(property.Name);
            properties[name] = Property(property, $"{type.Name}.{name}");
            if (property.GetCustomAttribute<RequiredAttribute>() is not null)
            {
                required.Add(name);
            }
        }
        if (required.Count > 0)
        {
            schema["required"] = required;
        }
        schema["properties"] = properties;
        AddRules(schema, type.GetCustomAttributes<ValidationRuleAttribute>());
        return schema;
    }

    /// <summary>The schemas of the fields that the type itself declares, not its base.</summary>
    public static IEnumerable<(string Name, JsonObject Schema)> Declared(Type type) =>
        type.GetProperties(BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly)
            .Where(p => p.Name != "EqualityContract")
            .Select(p => (JsonNamingPolicy.CamelCase.ConvertName(p.Name), Property(p, $"{type.Name}.{p.Name}")));

    /// <summary>Adds CEL rules to a schema.</summary>
    public static void AddRules(JsonObject schema, IEnumerable<ValidationRuleAttribute> rules)
    {
        var added = schema["x-kubernetes-validations"] as JsonArray ?? [];
        foreach (var rule in rules)
        {
            added.Add(new JsonObject { ["rule"] = rule.Rule, ["message"] = rule.Message });
        }
        if (added.Count > 0)
        {
            schema["x-kubernetes-validations"] = added;
        }
    }

    private static JsonObject Property(PropertyInfo property, string path)
    {
        var description = property.GetCustomAttribute<DescriptionAttribute>()?.Description
            ?? throw new InvalidOperationException($"{path} has no [Description].");
        var type = Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType;
        var schema = Of(type, description, path);
        if (property.GetCustomAttribute<DefaultAttribute>() is { } byDefault)
        {
            schema["default"] = JsonNode.Parse(byDefault.Json);
        }
        if (property.GetCustomAttribute<RangeMinimumAttribute>() is { } minimum)
        {
            schema["minimum"] = minimum.Minimum;
        }
        if (property.GetCustomAttribute<RangeMaximumAttribute>() is { } maximum)
        {
            schema["maximum"] = maximum.Maximum;
        }
        if (property.GetCustomAttribute<PatternAttribute>() is { } pattern)
        {
            schema["pattern"] = pattern.RegexPattern;
        }
        if (property.GetCustomAttribute<ItemPatternAttribute>() is { } items)
        {
            schema["items"]!["pattern"] = items.RegexPattern;
        }
        if (property.GetCustomAttribute<LengthAttribute>() is { } length)
        {
            var unit = schema["type"]?.GetValue<string>() == "array" ? "Items" : "Length";
            if (length.Min >= 0)
            {
                schema["min" + unit] = length.Min;
            }
            if (length.Max >= 0)
            {
                schema["max" + unit] = length.Max;
            }
        }
        if (property.GetCustomAttribute<ListMapKeyAttribute>() is { } key)
        {
            schema["x-kubernetes-list-type"] = "map";
            schema["x-kubernetes-list-map-keys"] = new JsonArray(key.Key);
        }
        AddRules(schema, property.GetCustomAttributes<ValidationRuleAttribute>());
        return schema;
    }

    private static JsonObject Of(Type type, string description, string path)
    {
        var schema = new JsonObject { ["description"] = description };
        if (type == typeof(string))
        {
            schema["type"] = "string";
        }
        else if (type == typeof(bool))
        {
            schema["type"] = "boolean";
        }
        else if (type == typeof(int) || type == typeof(long))
        {
            schema["type"] = "integer";
            schema["format"] = type == typeof(int) ? "int32" : "int64";
        }
        else if (type == typeof(DateTimeOffset))
        {
            schema["type"] = "string";
            schema["format"] = "date-time";
        }
        else if (type == typeof(Quantity))
        {
            AddQuantity(schema);
        }
        else if (type.IsEnum)
        {
            schema["type"] = "string";
            schema["enum"] = new JsonArray([.. Enum.GetNames(type).Select(n => (JsonNode?)JsonValue.Create(n))]);
        }
        else if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IReadOnlyDictionary<,>))
        {
            var values = new JsonObject();
            AddQuantity(values);
            schema["type"] = "object";
            schema["additionalProperties"] = type.GetGenericArguments()[1] == typeof(Quantity) ? values : throw new InvalidOperationException($"{path}: no schema for {type}.");
        }
        else if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IReadOnlyList<>))
        {
            var item = type.GetGenericArguments()[0];
            schema["type"] = "array";
            schema["items"] = item == typeof(string) ? new JsonObject { ["type"] = "string", ["maxLength"] = 300 } : Object(item, null);
        }
        else if (typeof(KubernetesModel).IsAssignableFrom(type))
        {
            return Object(type, description);
        }
        else
        {
            throw new InvalidOperationException($"{path}: no schema for {type}.");
        }
        return schema;
    }

    /// <summary>As Kubernetes' own, but for negative ones, which nothing here may have.</summary>
    private static void AddQuantity(JsonObject schema)
    {
        schema["anyOf"] = new JsonArray(new JsonObject { ["type"] = "integer" }, new JsonObject { ["type"] = "string" });
        schema["minimum"] = 0;
        schema["pattern"] = @"^\+?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$";
        schema["x-kubernetes-int-or-string"] = true;
    }
}
