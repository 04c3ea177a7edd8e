using System.Collections;
using System.Globalization;
using System.Reflection;
using System.Text.Json;

namespace MedPeft.Lora.Studies.Json;

/// <summary>
/// Reads and writes the plain properties of a record (numbers, switches, names, enums, lists of them) by their names in camel case. What a record gains
/// later, a study's file can say at once; and the record's own checks and messages hold.
/// </summary>
internal static class Settings
{
    /// <summary>A copy of a record with the fields of an object put in.</summary>
    /// <param name="record">The values that hold where the object says nothing.</param>
    /// <param name="value">The object; null changes nothing.</param>
    /// <param name="hidden">Properties that the study decides by other means.</param>
    public static T Apply<T>(T record, PlacedValue? value, params string[] hidden)
        where T : notnull
    {
        if (value is null) return record;
        var known = Names(record.GetType(), hidden);
        var result = Copy(record);
        foreach (var (name, member) in value.AsObject())
        {
            if (!known.TryGetValue(name, out var property))
                throw member.Error($"{member.Path} is no field here; the fields are {string.Join(", ", known.Keys)}.{Nearest.Hint(name, known.Keys)}");
            Set(result, property, member);
        }

        return (T)result;
    }

    /// <summary>The properties that differ from another record's, or all, in the order of their names: what identifies a cell, and what a file says.</summary>
    public static IEnumerable<(string Name, object? Value)> Read(object record, object? unlike = null, params string[] hidden) =>
        Names(record.GetType(), hidden).OrderBy(entry => entry.Key, StringComparer.Ordinal)
            .Select(entry => (entry.Key, Value: entry.Value.GetValue(record), Other: unlike is null ? null : entry.Value.GetValue(unlike)))
            .Where(entry => unlike is null || !Same(entry.Value, entry.Other))
            .Select(entry => (entry.Key, entry.Value));

    /// <summary>Writes a value as JSON.</summary>
    public static void Write(Utf8JsonWriter writer, object? value)
    {
        switch (value)
        {
            case null: writer.WriteNullValue(); break;
            case bool flag: writer.WriteBooleanValue(flag); break;
            case string text: writer.WriteStringValue(text); break;
            case Enum name: writer.WriteStringValue(name.ToString()); break;
            case double or float: writer.WriteRawValue(((IConvertible)value).ToDouble(CultureInfo.InvariantCulture).ToString("R", CultureInfo.InvariantCulture)); break;
            case IConvertible number: writer.WriteRawValue(number.ToString(CultureInfo.InvariantCulture)); break;
            case IDictionary pairs:
                writer.WriteStartObject();
                foreach (DictionaryEntry pair in pairs)
                {
                    writer.WritePropertyName((string)pair.Key);
                    Write(writer, pair.Value);
                }

                writer.WriteEndObject();
                break;
            case IEnumerable list:
                writer.WriteStartArray();
                foreach (var item in list) Write(writer, item);
                writer.WriteEndArray();
                break;
            default: throw new ArgumentException($"A {value.GetType().Name} is no plain setting.", nameof(value));
        }
    }

    private static SortedDictionary<string, PropertyInfo> Names(Type type, string[] hidden) => new(
        type.GetProperties(BindingFlags.Public | BindingFlags.Instance)
            .Where(property => property.SetMethod is { IsPublic: true } && property.GetIndexParameters().Length == 0 && Plain(property.PropertyType) && !hidden.Contains(property.Name))
            .GroupBy(property => property.Name).Select(same => same.First())
            .ToDictionary(property => char.ToLowerInvariant(property.Name[0]) + property.Name[1..]), StringComparer.Ordinal);

    private static bool Plain(Type type)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        if (type.IsEnum || type == typeof(string) || type == typeof(bool) || type == typeof(int) || type == typeof(long) || type == typeof(ulong) || type == typeof(double) || type == typeof(float)) return true;
        if (!type.IsGenericType) return false;
        var (kind, of) = (type.GetGenericTypeDefinition(), type.GetGenericArguments());
        return kind == typeof(IReadOnlyList<>) ? Plain(of[0]) : kind == typeof(IReadOnlyDictionary<,>) && of[0] == typeof(string) && Plain(of[1]);
    }

    private static object Copy(object record)
    {
        // The copy that "with" makes.
        var clone = record.GetType().GetMethod("<Clone>$", BindingFlags.Public | BindingFlags.Instance) ?? throw new ArgumentException($"{record.GetType().Name} is no record.", nameof(record));
        return clone.Invoke(record, null)!;
    }

    private static void Set(object record, PropertyInfo property, PlacedValue value)
    {
        try
        {
            property.SetValue(record, Convert(value, property.PropertyType));
        }
        catch (TargetInvocationException error) when (error.InnerException is ArgumentException wrong)
        {
            throw value.Error($"{value.Path}: {wrong.Message.Split('\n')[0].Trim().Replace($" (Parameter '{wrong.ParamName}')", "", StringComparison.Ordinal)}", wrong);
        }
    }

    private static object? Convert(PlacedValue value, Type type)
    {
        if (value.Kind == JsonTokenType.Null && (Nullable.GetUnderlyingType(type) is not null || !type.IsValueType)) return null;
        type = Nullable.GetUnderlyingType(type) ?? type;
        if (type.IsEnum) return Enum.Parse(type, value.AsOneOf(Enum.GetNames(type)));
        if (type == typeof(string)) return value.AsText();
        if (type == typeof(bool)) return value.AsBool();
        if (type == typeof(double)) return value.AsNumber();
        if (type == typeof(float)) return (float)value.AsNumber();
        if (type == typeof(int)) return value.AsWhole() is >= int.MinValue and <= int.MaxValue and var whole ? (int)whole : throw value.Misfit("a smaller number fits");
        if (type == typeof(long)) return value.AsWhole();
        if (type == typeof(ulong)) return value.AsWhole() is >= 0 and var positive ? (ulong)positive : throw value.Misfit("0 or a positive whole number fits");
        var of = type.GetGenericArguments();
        if (of.Length == 2)
        {
            var pairs = (IDictionary)Activator.CreateInstance(typeof(SortedDictionary<,>).MakeGenericType(of))!;
            foreach (var (name, member) in value.AsObject()) pairs.Add(name, Convert(member, of[1]));
            return pairs;
        }

        var items = value.AsList();
        var array = Array.CreateInstance(of[0], items.Count);
        for (var i = 0; i < array.Length; i++) array.SetValue(Convert(items[i], of[0]), i);
        return array;
    }

    private static bool Same(object? a, object? b)
    {
        if (a is string || b is string || a is not IEnumerable first || b is not IEnumerable second) return Equals(a, b);
        return first.Cast<object?>().SequenceEqual(second.Cast<object?>());
    }
}
