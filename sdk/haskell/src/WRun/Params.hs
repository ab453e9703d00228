{-# LANGUAGE FlexibleInstances #-}
-- | Params: an applicative that says what they are before there is a value, and reads them when there is.
module WRun.Params
  ( -- * Params
    Params, ParamSpec (..), Visibility (..), param, specs, readParams
    -- * Kinds
  , Kind, kindText
  , textKind, integerKind, integerInKind, floatKind, boolKind, dateKind, monthKind, yearKind, hourKind
  , minuteKind, secondKind, intervalKind, durationKind, pathKind, taskKind, choiceKind, list, mapOf, optional, pair
    -- * Params of one kind
  , text, integer, integerIn, float, bool, date, month, year, hour, minute, second, interval, duration, path
  , taskParam, choice
    -- * What is said of them
  , withDefault, insignificant, hidden, private, positional, checked
    -- * Values
  , Path (..), Call (..), Month (..), Interval (..), ToParam (..), (.=)
  ) where

import qualified Data.Map.Strict as Map
import qualified Data.Text as T
import Data.Time.Calendar (Day, fromGregorianValid, showGregorian)
import Data.Time.LocalTime (LocalTime (..), TimeOfDay (..))
import Text.Read (readMaybe)
import WRun.Json

-- | Who sees a param in listings.
data Visibility = Public | Hidden | Private deriving (Eq, Show, Enum)

-- | What is said of one param.
data ParamSpec = ParamSpec
  { specName :: String
  , specDoc :: String
  , specKind :: String
  , specDefault :: Maybe String      -- ^ JSON
  , specSignificant :: Bool
  , specVisibility :: Visibility
  , specPositional :: Bool
  } deriving (Eq, Show)

-- | Params that make an @a@.
data Params a = Params [ParamSpec] ([(T.Text, Value)] -> Either String a)

instance Functor Params where
  fmap f (Params known look) = Params known (fmap f . look)

instance Applicative Params where
  pure value = Params [] (const (Right value))
  Params one f <*> Params two x = Params (one ++ two) (\given -> f given <*> x given)

-- | Lists what is said of params.
specs :: Params a -> [ParamSpec]
specs (Params known _) = known

-- | Reads params from an object.
readParams :: Params a -> Value -> Either String a
readParams (Params _ look) (Object given) = look given
readParams _ other = Left ("params are no object: " ++ render other)

-- | A type of params: its text in the contract, and how a value is read.
data Kind a = Kind String (Value -> Either String a)

-- | The text of a kind, such as @list<date>@.
kindText :: Kind a -> String
kindText (Kind shown _) = shown

-- | A param: its kind, its name, its doc.
param :: Kind a -> String -> String -> Params a
param (Kind kind look) name doc = Params [ParamSpec name doc kind Nothing True Public False] find
  where
    find given = case lookup (T.pack name) given of
      Nothing -> Left ("there is no param `" ++ name ++ "`")
      Just value -> either (\why -> Left ("the param `" ++ name ++ "`: " ++ why)) Right (look value)

wrong :: String -> Value -> Either String a
wrong due value = Left (render value ++ " is no " ++ due)

textOf :: String -> (T.Text -> Maybe a) -> Value -> Either String a
textOf due look value = case value of
  String found | Just read' <- look found -> Right read'
  _ -> wrong due value

number :: Read a => String -> Value -> Either String a
number due value = case value of
  Number digits | Just found <- readMaybe (plain digits) -> Right found
  _ -> wrong due value
  where plain digits = if take 1 digits == "+" then drop 1 digits else digits

-- | Text.
textKind :: Kind T.Text
textKind = Kind "string" (textOf "text" Just)

-- | A whole number of any size. 'Int' has 32 bits here.
integerKind :: Kind Integer
integerKind = Kind "int" (number "whole number")

-- | A whole number within bounds, both inclusive.
integerInKind :: Integer -> Integer -> Kind Integer
integerInKind least most = Kind ("int(" ++ show least ++ ".." ++ show most ++ ")") (number "whole number")

-- | A number.
floatKind :: Kind Double
floatKind = Kind "float" (number "number")

-- | True or false.
boolKind :: Kind Bool
boolKind = Kind "bool" look
  where
    look (Bool found) = Right found
    look other = wrong "bool" other

-- | A day.
dateKind :: Kind Day
dateKind = Kind "date" (textOf "date" (readDay . T.unpack))

-- | A month of a year.
data Month = Month { monthYear :: Integer, monthOfYear :: Int } deriving (Eq, Ord, Show)

-- | A month: @2013-01@.
monthKind :: Kind Month
monthKind = Kind "month" (textOf "month" (look . T.unpack))
  where
    look shown = case break (== '-') shown of
      (y, '-' : m) -> Month <$> readMaybe y <*> readMaybe (dropWhile (== '0') m)
      _ -> Nothing

-- | A year.
yearKind :: Kind Integer
yearKind = Kind "year" look
  where
    look (String found) | Just y <- readMaybe (T.unpack found) = Right y
    look other = number "year" other

-- | A moment to the hour, without a time zone.
hourKind :: Kind LocalTime
hourKind = Kind "hour" moment

-- | A moment to the minute.
minuteKind :: Kind LocalTime
minuteKind = Kind "minute" moment

-- | A moment to the second.
secondKind :: Kind LocalTime
secondKind = Kind "second" moment

moment :: Value -> Either String LocalTime
moment = textOf "moment" (readMoment . T.unpack)

readDay :: String -> Maybe Day
readDay shown = case split '-' shown of
  [y, m, d] -> do
    (y', m', d') <- (,,) <$> readMaybe y <*> readMaybe m <*> readMaybe d
    fromGregorianValid y' m' d'
  _ -> Nothing

readMoment :: String -> Maybe LocalTime
readMoment shown = case break (== 'T') shown of
  (day, 'T' : time) -> LocalTime <$> readDay day <*> clock (split ':' time)
  (day, _) -> (\d -> LocalTime d (TimeOfDay 0 0 0)) <$> readDay day
  where
    clock [h] = (\h' -> TimeOfDay h' 0 0) <$> readMaybe h
    clock [h, m] = (\h' m' -> TimeOfDay h' m' 0) <$> readMaybe h <*> readMaybe m
    clock [h, m, s] = (\h' m' s' -> TimeOfDay h' m' (fromInteger s')) <$> readMaybe h <*> readMaybe m <*> readMaybe s
    clock _ = Nothing

split :: Char -> String -> [String]
split c shown = case break (== c) shown of
  (word, _ : rest) -> word : split c rest
  (word, []) -> [word]

-- | From a start, inclusive, to an end, exclusive: as text of one precision.
data Interval = Interval { intervalStart :: T.Text, intervalEnd :: T.Text } deriving (Eq, Show)

-- | An interval.
intervalKind :: Kind Interval
intervalKind = Kind "interval" (textOf "interval" look)
  where
    look shown = case T.breakOn (T.pack "/") shown of
      (start, end) | not (T.null end) -> Just (Interval start (T.drop 1 end))
      _ -> Nothing

-- | A duration in seconds.
durationKind :: Kind Double
durationKind = Kind "duration" (number "duration")

-- | A path or URI. In 'WRun.Task.run' it is a token, which may be passed on.
newtype Path = Path { pathText :: T.Text } deriving (Eq, Show)

-- | A path or URI.
pathKind :: Kind Path
pathKind = Kind "path" (fmap Path . textOf "path" Just)

-- | A call of a task: the alias of a plugin, the task, its params.
data Call = Call { callPlugin :: Maybe T.Text, callTask :: T.Text, callParams :: Value } deriving (Eq, Show)

-- | A call of a task.
taskKind :: Kind Call
taskKind = Kind "task" look
  where
    look value@(Object fields) = case lookup (T.pack "task") fields of
      Just (String name) -> Right (Call (plugin fields) name (maybe (Object []) id (lookup (T.pack "params") fields)))
      _ -> wrong "task" value
    look other = wrong "task" other
    plugin fields = case lookup (T.pack "plugin") fields of
      Just (String alias) -> Just alias
      _ -> Nothing

-- | One of several names.
choiceKind :: [(String, a)] -> Kind a
choiceKind known = Kind ("enum(" ++ names ++ ")") (textOf "known name" (\found -> lookup (T.unpack found) known))
  where names = foldr1 (\one rest -> one ++ "|" ++ rest) (map fst known)

-- | A list.
list :: Kind a -> Kind [a]
list (Kind kind look) = Kind ("list<" ++ kind ++ ">") go
  where
    go (Array items) = mapM look items
    go other = wrong "list" other

-- | A map from text.
mapOf :: Kind a -> Kind (Map.Map T.Text a)
mapOf (Kind kind look) = Kind ("map<" ++ kind ++ ">") go
  where
    go (Object entries) = Map.fromList <$> mapM (\(key, value) -> (,) key <$> look value) entries
    go other = wrong "map" other

-- | Perhaps nothing.
optional :: Kind a -> Kind (Maybe a)
optional (Kind kind look) = Kind ("optional<" ++ kind ++ ">") go
  where
    go Null = Right Nothing
    go value = Just <$> look value

-- | Two values.
pair :: Kind a -> Kind b -> Kind (a, b)
pair (Kind one look) (Kind two look') = Kind ("tuple<" ++ one ++ "," ++ two ++ ">") go
  where
    go (Array [a, b]) = (,) <$> look a <*> look' b
    go other = wrong "pair" other

-- | Each takes the name and the doc of a param.
text :: String -> String -> Params T.Text
text = param textKind
integer :: String -> String -> Params Integer
integer = param integerKind
integerIn :: Integer -> Integer -> String -> String -> Params Integer
integerIn least most = param (integerInKind least most)
float, duration :: String -> String -> Params Double
float = param floatKind
duration = param durationKind
bool :: String -> String -> Params Bool
bool = param boolKind
date :: String -> String -> Params Day
date = param dateKind
month :: String -> String -> Params Month
month = param monthKind
year :: String -> String -> Params Integer
year = param yearKind
hour, minute, second :: String -> String -> Params LocalTime
hour = param hourKind
minute = param minuteKind
second = param secondKind
interval :: String -> String -> Params Interval
interval = param intervalKind
path :: String -> String -> Params Path
path = param pathKind
taskParam :: String -> String -> Params Call
taskParam = param taskKind
choice :: [(String, a)] -> String -> String -> Params a
choice known = param (choiceKind known)

each :: (ParamSpec -> ParamSpec) -> Params a -> Params a
each change (Params known look) = Params (map change known) look

-- | Gives a default, as JSON: @withDefault "10"@, @withDefault "\\"data.csv\\""@.
withDefault :: String -> Params a -> Params a
withDefault json = each (\spec -> spec { specDefault = Just json })

-- | In no key; 'WRun.Task.run' sees a token in its place.
insignificant :: Params a -> Params a
insignificant = each (\spec -> spec { specSignificant = False })

-- | Left out of short listings.
hidden :: Params a -> Params a
hidden = each (\spec -> spec { specVisibility = Hidden })

-- | Never shown.
private :: Params a -> Params a
private = each (\spec -> spec { specVisibility = Private })

-- | May be given by position.
positional :: Params a -> Params a
positional = each (\spec -> spec { specPositional = True })

-- | Refuses values that make no sense together: the call fails with the message.
checked :: (a -> Maybe String) -> Params a -> Params a
checked refuse (Params known look) = Params known (\given -> look given >>= \found -> maybe (Right found) Left (refuse found))

-- | What can be a param of another task.
class ToParam a where
  toParam :: a -> Value

instance ToParam Value where toParam = id
instance ToParam T.Text where toParam = String
instance ToParam Integer where toParam = Number . show
instance ToParam Int where toParam = Number . show
instance ToParam Bool where toParam = Bool
instance ToParam Day where toParam = String . T.pack . showGregorian
instance ToParam Path where toParam = String . pathText
instance ToParam a => ToParam (Maybe a) where toParam = maybe Null toParam
instance ToParam a => ToParam [a] where toParam = Array . map toParam
instance ToParam a => ToParam (Map.Map T.Text a) where toParam = Object . Map.toList . fmap toParam
instance ToParam Call where
  toParam (Call plugin name given) =
    Object ([(T.pack "params", given)] ++ maybe [] (\alias -> [(T.pack "plugin", String alias)]) plugin ++ [(T.pack "task", String name)])

-- | A param of a required task: @"date" .= day@.
(.=) :: ToParam a => String -> a -> (String, Value)
name .= value = (name, toParam value)
infixr 8 .=
